//! The way of frames between the caller and one connection: out through a queue bounded by count and bytes, in through a
//! window of frames that the caller has not yet taken. Both are freed by dropping a permit, so no path can forget it.

use std::io;
use std::sync::Arc;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::transport::limits::{
    FRAME_BYTES_FIRST, FRAME_BYTES_MAX, FRAMES_QUEUED_BYTES_MAX, FRAMES_QUEUED_MAX, FRAMES_UNREAD_MAX,
};

/// The behaviour's end of the queue; dropping it means: write what is queued, then close.
pub(super) struct Outgoing {
    frames: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    _open: oneshot::Sender<()>,
}

/// The connection's end of the queue.
pub(super) struct Queue {
    frames: mpsc::Receiver<Queued>,
}

struct Queued {
    frame: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// A received frame; the next is read when this one is taken.
#[derive(Debug)]
pub(in crate::transport) struct Inbound {
    pub(in crate::transport) frame: Vec<u8>,
    pub(in crate::transport) credit: OwnedSemaphorePermit,
}

/// The peer does not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A queue, and what resolves when its sending end is dropped.
pub(super) fn queue() -> (Outgoing, Queue, oneshot::Receiver<()>) {
    let (sender, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
    let (open, closing) = oneshot::channel();
    let room = Arc::new(Semaphore::new(FRAMES_QUEUED_BYTES_MAX));
    (Outgoing { frames: sender, room, _open: open }, Queue { frames }, closing)
}

impl Outgoing {
    pub(super) fn push(&self, frame: Vec<u8>) -> Result<(), Full> {
        let bytes = u32::try_from(frame.len()).map_err(|_| Full)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Full)?;
        self.frames.try_send(Queued { frame, _room: room }).map_err(|_| Full)
    }
}

/// Writes the queued frames until the queue's other end is dropped, then closes the stream.
pub(super) async fn write<W: AsyncWrite + Unpin>(mut stream: W, mut queue: Queue) -> io::Result<()> {
    while let Some(Queued { frame, _room }) = queue.frames.recv().await {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&frame).await?;
        if queue.frames.is_empty() {
            stream.flush().await?;
        }
    }
    stream.close().await
}

/// The frames of a stream, each read only when the window has room for it.
pub(super) fn read<R>(stream: R) -> impl futures::Stream<Item = io::Result<Inbound>> + Send
where
    R: AsyncRead + Unpin + Send,
{
    let window = Arc::new(Semaphore::new(FRAMES_UNREAD_MAX));
    futures::stream::try_unfold(stream, move |mut stream| {
        let window = Arc::clone(&window);
        async move {
            let credit = window.acquire_owned().await.map_err(io::Error::other)?;
            let frame = read_frame(&mut stream).await?;
            Ok(frame.map(|frame| (Inbound { frame, credit }, stream)))
        }
    })
}

/// One frame; `None` at the end of the stream between two frames.
async fn read_frame<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Option<Vec<u8>>> {
    let mut length = Vec::with_capacity(4);
    stream.take(4).read_to_end(&mut length).await?;
    if length.is_empty() {
        return Ok(None);
    }
    let length: [u8; 4] = length.try_into().map_err(|_| io::ErrorKind::UnexpectedEof)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes is too large"),
        ));
    }
    let mut frame = Vec::with_capacity(length.min(FRAME_BYTES_FIRST));
    stream.take(length as u64).read_to_end(&mut frame).await?;
    if frame.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::io::Cursor;

    use super::*;

    async fn frames(bytes: &[u8]) -> Vec<io::Result<Vec<u8>>> {
        let stream = read(Cursor::new(bytes.to_vec()));
        stream.map(|read| read.map(|inbound| inbound.frame)).collect().await
    }

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let (outgoing, queue, _closing) = queue();
        for frame in [vec![], vec![1], vec![7; FRAME_BYTES_MAX]] {
            outgoing.push(frame).unwrap();
        }
        drop(outgoing);
        let mut bytes = Cursor::new(Vec::new());
        write(&mut bytes, queue).await.unwrap();
        let read: Vec<_> = frames(bytes.get_ref()).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(read, [vec![], vec![1], vec![7; FRAME_BYTES_MAX]]);
    }

    #[tokio::test]
    async fn a_frame_over_the_cap_is_refused_by_its_length_alone() {
        let length = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        let read = frames(&length).await;
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].as_ref().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_cut_frame_is_an_error_and_a_clean_end_is_none() {
        for bytes in [&[0u8, 0][..], &[0, 0, 0, 2, 9][..]] {
            let read = frames(bytes).await;
            assert_eq!(read[0].as_ref().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(frames(&[]).await.is_empty());
    }

    #[tokio::test]
    async fn frames_that_are_not_taken_stop_the_reading() {
        let mut stream = Box::pin(read(Cursor::new(vec![0u8; 400])));
        let mut taken = Vec::new();
        for _ in 0..FRAMES_UNREAD_MAX {
            taken.push(stream.next().await.unwrap().unwrap());
        }
        assert!(futures::poll!(stream.next()).is_pending());
        taken.pop();
        assert!(futures::poll!(stream.next()).is_ready());
    }

    #[test]
    fn a_full_queue_refuses_by_count_and_by_bytes() {
        let (small, _queue, _closing) = queue();
        for _ in 0..FRAMES_QUEUED_MAX {
            small.push(vec![0]).unwrap();
        }
        assert_eq!(small.push(vec![0]), Err(Full));
        let (large, _queue, _closing) = queue();
        for _ in 0..FRAMES_QUEUED_BYTES_MAX / FRAME_BYTES_MAX {
            large.push(vec![0; FRAME_BYTES_MAX]).unwrap();
        }
        assert_eq!(large.push(vec![0]), Err(Full));
    }
}
