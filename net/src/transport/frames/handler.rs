//! Frames at one connection: one substream out, one in, each a future of its own. When either ends, so does the
//! connection: half a conversation is of no use, and the peers start anew on the next.

use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamProtocol, SubstreamProtocol};
use tokio::sync::oneshot;

use super::queue::{Inbound, Queue, read, write};
use crate::transport::limits::DRAIN;

/// Length-prefixed frames: four bytes, big endian.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/starling/frames/1");

/// From one connection to the behaviour.
#[derive(Debug)]
pub(crate) enum HandlerEvent {
    Frame(Inbound),
    /// Nothing more will come or go; close the connection.
    Ended(String),
}

pub(crate) struct FrameHandler {
    state: State,
    asked: bool,
    /// Until the outgoing substream is there.
    queue: Option<Queue>,
    writer: Option<BoxFuture<'static, io::Result<()>>>,
    reader: Option<BoxStream<'static, io::Result<Inbound>>>,
    /// Ends some time after we began to close.
    deadline: BoxFuture<'static, ()>,
}

#[derive(PartialEq, Eq)]
enum State {
    Running,
    Failed(String),
    Reported,
}

impl FrameHandler {
    pub(super) fn new(queue: Queue, closing: oneshot::Receiver<()>) -> Self {
        let deadline = async move {
            // Resolves with an error: the sender is only ever dropped.
            let _ = closing.await;
            tokio::time::sleep(DRAIN).await;
        };
        Self {
            state: State::Running,
            asked: false,
            queue: Some(queue),
            writer: None,
            reader: None,
            deadline: deadline.boxed(),
        }
    }

    fn fail(&mut self, reason: String) {
        if self.state == State::Running {
            self.state = State::Failed(reason);
        }
        self.writer = None;
        self.reader = None;
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<Inbound> {
        if let Some(writer) = self.writer.as_mut()
            && let Poll::Ready(end) = writer.poll_unpin(cx)
        {
            self.writer = None;
            if let Err(error) = end {
                self.fail(error.to_string());
            }
            // Else all is written, but not yet received: the peer closes the connection when it has read the end.
        }
        if self.deadline.poll_unpin(cx).is_ready() {
            self.fail("closed by us".into());
        }
        let Some(reader) = self.reader.as_mut() else {
            return Poll::Pending;
        };
        match reader.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(inbound))) => return Poll::Ready(inbound),
            Poll::Ready(Some(Err(error))) => self.fail(error.to_string()),
            Poll::Ready(None) => self.fail("closed by the peer".into()),
            Poll::Pending => {}
        }
        Poll::Pending
    }
}

impl ConnectionHandler for FrameHandler {
    type FromBehaviour = std::convert::Infallible;
    type ToBehaviour = HandlerEvent;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), HandlerEvent>> {
        if self.state == State::Running {
            if !self.asked {
                self.asked = true;
                let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
            if let Poll::Ready(inbound) = self.poll_streams(cx) {
                let event = HandlerEvent::Frame(inbound);
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
            }
        }
        match std::mem::replace(&mut self.state, State::Reported) {
            State::Failed(reason) => {
                Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(HandlerEvent::Ended(reason)))
            }
            other @ (State::Running | State::Reported) => {
                self.state = other;
                Poll::Pending
            }
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.writer = self.queue.take().map(|queue| write(protocol, queue).boxed());
            }
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                if self.reader.is_some() {
                    self.fail("the peer opened a second stream of frames".into());
                } else if self.state == State::Running {
                    self.reader = Some(read(protocol).boxed());
                }
            }
            ConnectionEvent::DialUpgradeError(error) => {
                self.fail(format!("the peer takes no frames: {}", error.error));
            }
            // Foreign and open-ended: nothing else concerns frames.
            _ => {}
        }
    }
}
