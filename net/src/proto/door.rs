//! What is said at the door, whoever says it: the check of a first frame, the refusal, an invite's first words, and the
//! roster that welcomes a joiner. All of it within the bounds of frames.

use starling_crdt::id::DeviceKey;
use starling_crdt::limits::LABEL_BYTES_MAX;

use super::gate::Invite;
use super::io::DropReason;
use super::limits::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, DETAIL_BYTES_MAX, PROOF_BYTES_MAX, PROTO_VERSION, PROTO_VERSION_MIN,
    REFUSAL_RECORDS_MAX,
};
use super::local::Local;
use super::message::{Message, RefusalCode, tag};
use super::out::{Out, Step};

/// Checks that the versions meet and that the peer knows the workspace; tells it if not.
pub(super) fn check_door(versions: (u16, u16), theirs: [u8; 32], local: &Local, out: &mut Out<'_>) -> Step {
    let (version, version_min) = versions;
    if version < PROTO_VERSION_MIN || version_min > PROTO_VERSION {
        let detail = format!(
            "this node speaks protocol versions {PROTO_VERSION_MIN} to {PROTO_VERSION}: update the older side"
        );
        return refuse(RefusalCode::Version, detail, Vec::new(), out);
    }
    // Compared as hashes, which takes the same time wherever they differ.
    if blake3::Hash::from(theirs) != blake3::Hash::from(tag(&local.workspace, &out.peer, &local.me)) {
        let detail = "not the workspace that this node syncs".to_owned();
        return refuse(RefusalCode::WrongWorkspace, detail, Vec::new(), out);
    }
    Ok(())
}

pub(super) fn join(invite: &Invite, local: &Local, peer: &DeviceKey) -> Message {
    Message::Join {
        version: PROTO_VERSION,
        version_min: PROTO_VERSION_MIN,
        tag: tag(&local.workspace, &local.me, peer),
        secret: invite.secret,
        label: cut(&invite.label, LABEL_BYTES_MAX),
    }
}

pub(super) fn refuse(code: RefusalCode, detail: String, records: Vec<Vec<u8>>, out: &mut Out<'_>) -> Step {
    out.send(&refusal(code, detail, records));
    Err(DropReason::RefusedByUs(code))
}

pub(super) fn refusal(code: RefusalCode, detail: String, records: Vec<Vec<u8>>) -> Message {
    let mut left = PROOF_BYTES_MAX;
    let fitting = records.into_iter().take(REFUSAL_RECORDS_MAX).take_while(|record| {
        let fits = !record.is_empty() && record.len() <= left;
        left = left.saturating_sub(record.len());
        fits
    });
    let records = fitting.collect();
    Message::Refused { code, detail: cut(&detail, DETAIL_BYTES_MAX), records }
}

/// Sends a roster in parts that fit into frames.
pub(super) fn send_welcome(records: Vec<Vec<u8>>, out: &mut Out<'_>) -> Step {
    let mut page: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for record in records.into_iter().filter(|record| !record.is_empty() && record.len() <= BATCH_BYTES_MAX) {
        if bytes + record.len() > BATCH_BYTES_MAX || page.len() >= BATCH_RECORDS_MAX {
            out.send(&Message::Welcome { records: std::mem::take(&mut page), more: true });
            bytes = 0;
        }
        bytes += record.len();
        page.push(record);
    }
    out.send(&Message::Welcome { records: page, more: false });
    Ok(())
}

/// The longest beginning of `text` with at most `bytes_max` bytes.
fn cut(text: &str, bytes_max: usize) -> String {
    text.split_at(text.floor_char_boundary(bytes_max)).0.to_owned()
}
