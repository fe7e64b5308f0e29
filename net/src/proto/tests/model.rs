//! A stand-in for the owner of a sync machine: streams are sets of records in author chains, the roster is a stream
//! whose records admit and revoke devices, and every question of the machine is answered from these.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};

use crate::proto::{Config, Have, Input, Output, Proto, RefusalCode, Verdict};

pub(super) const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([0xee; 32]);

/// Bytes of a record before its payload: stream, author, number.
const HEAD: usize = 68;
pub(super) const ADMIT: u8 = 1;
pub(super) const REVOKE: u8 = 2;

pub(super) fn device(n: usize) -> DeviceKey {
    DeviceKey::from_bytes([n as u8 + 1; 32])
}

pub(super) fn session(n: u64) -> StreamKey {
    StreamKey::from_bytes(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

type Chains = BTreeMap<DeviceKey, Vec<Vec<u8>>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InviteState {
    Open,
    Expired,
    Used(DeviceKey),
}

pub(super) struct Node {
    pub(super) key: DeviceKey,
    pub(super) proto: Proto,
    pub(super) streams: BTreeMap<StreamKey, Chains>,
    waiting: BTreeSet<Vec<u8>>,
    pub(super) invites: BTreeMap<[u8; 32], InviteState>,
    /// Answers that the machine has yet to get.
    pub(super) todo: VecDeque<Input>,
    pub(super) wake_at_ms: Option<u64>,
    /// Refuses to keep records of this stream.
    pub(super) rejects: Option<StreamKey>,
    pub(super) seen: Vec<Output>,
}

impl Node {
    pub(super) fn new(n: usize) -> Self {
        Self {
            key: device(n),
            proto: Proto::new(Config::new(device(n), WORKSPACE, n as u64)),
            streams: BTreeMap::new(),
            waiting: BTreeSet::new(),
            invites: BTreeMap::new(),
            todo: VecDeque::new(),
            wake_at_ms: None,
            rejects: None,
            seen: Vec::new(),
        }
    }

    /// Writes a record of our own.
    pub(super) fn write(&mut self, stream: StreamKey, payload: &[u8]) -> Vec<u8> {
        let number = self.count(stream, self.key) as u32;
        let key = self.key;
        let parts: [&[u8]; 4] = [stream.as_bytes(), key.as_bytes(), &number.to_be_bytes(), payload];
        let record = parts.concat();
        assert!(self.offer(&record));
        self.announce(stream);
        record
    }

    pub(super) fn admit(&mut self, other: DeviceKey) {
        self.write(WORKSPACE.roster(), &[&[ADMIT], &other.as_bytes()[..]].concat());
    }

    pub(super) fn revoke(&mut self, other: DeviceKey) -> Vec<u8> {
        self.write(WORKSPACE.roster(), &[&[REVOKE], &other.as_bytes()[..]].concat())
    }

    fn count(&self, stream: StreamKey, author: DeviceKey) -> usize {
        self.streams.get(&stream).and_then(|chains| chains.get(&author)).map_or(0, Vec::len)
    }

    /// Keeps a record, or holds it until its chain has grown. Returns whether it was not held before.
    pub(super) fn offer(&mut self, record: &[u8]) -> bool {
        let (stream, author, number) = read(record);
        let count = self.count(stream, author);
        if self.rejects == Some(stream) || number < count {
            return false;
        }
        if number > count {
            return self.waiting.insert(record.to_vec());
        }
        self.streams.entry(stream).or_default().entry(author).or_default().push(record.to_vec());
        if let Some(next) = self.waiting.iter().find(|r| read(r) == (stream, author, number + 1)).cloned() {
            self.waiting.remove(&next);
            self.offer(&next);
        }
        true
    }

    pub(super) fn digest(&self, stream: StreamKey) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (author, chain) in self.streams.get(&stream).into_iter().flatten() {
            hasher.update(author.as_bytes()).update(&(chain.len() as u64).to_be_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// Puts our state of a stream in the queue for the machine.
    pub(super) fn announce(&mut self, stream: StreamKey) {
        let digest = self.digest(stream);
        self.todo.push_back(if stream == WORKSPACE.roster() {
            Input::RosterChanged { allowed: self.allowed(), proof: self.proof(), digest }
        } else {
            Input::Changed { stream, digest }
        });
    }

    fn said(&self, kind: u8) -> BTreeSet<DeviceKey> {
        let chains = self.streams.get(&WORKSPACE.roster()).into_iter().flat_map(BTreeMap::values);
        let payloads = chains.flatten().map(|record| &record[HEAD..]).filter(|payload| payload[0] == kind);
        payloads.map(|payload| DeviceKey::from_bytes(payload[1..33].try_into().unwrap())).collect()
    }

    pub(super) fn allowed(&self) -> BTreeSet<DeviceKey> {
        &self.said(ADMIT) - &self.said(REVOKE)
    }

    /// The chain that ends with the record that admits us.
    fn proof(&self) -> Vec<Vec<u8>> {
        for chain in self.streams.get(&WORKSPACE.roster()).into_iter().flat_map(BTreeMap::values) {
            if let Some(at) =
                chain.iter().position(|r| r[HEAD] == ADMIT && r[HEAD + 1..] == *self.key.as_bytes())
            {
                return chain[..=at].to_vec();
            }
        }
        Vec::new()
    }

    fn have(&self, stream: StreamKey) -> Have {
        let chains = self.streams.get(&stream).cloned().unwrap_or_default();
        let head =
            |chain: &Vec<Vec<u8>>| chain.last().map(|r| RecordId::from_bytes(*blake3::hash(r).as_bytes()));
        Have {
            heads: chains.values().filter_map(head).collect(),
            counts: chains
                .iter()
                .filter_map(|(author, chain)| Some((*author, chain.len() as u32, head(chain)?)))
                .collect(),
        }
    }

    fn collect(&self, stream: StreamKey, theirs: &Have, bytes_max: usize) -> (Vec<Vec<u8>>, bool) {
        let known: BTreeMap<DeviceKey, u32> =
            theirs.counts.iter().map(|(author, count, _)| (*author, *count)).collect();
        let chains = self.streams.get(&stream).into_iter().flatten();
        let missing = chains.flat_map(|(author, chain)| {
            chain.iter().skip(known.get(author).map_or(0, |count| *count as usize))
        });
        let (mut records, mut bytes) = (Vec::new(), 0);
        for record in missing {
            bytes += record.len();
            if bytes > bytes_max && !records.is_empty() {
                return (records, true);
            }
            records.push(record.clone());
        }
        (records, false)
    }

    /// Answers what the machine asked; frames and drops are for the world.
    pub(super) fn answer(&mut self, output: Output) {
        match output {
            Output::Describe { peer, stream } => {
                self.todo.push_back(Input::Described { peer, stream, have: self.have(stream) });
            }
            Output::Collect { peer, stream, theirs, bytes_max } => {
                let (records, more) = self.collect(stream, &theirs, bytes_max);
                self.todo.push_back(Input::Collected { peer, stream, records, more });
            }
            Output::Records { peer, token, batches } => {
                let mut new = 0;
                for batch in &batches {
                    new += batch.records.iter().filter(|record| self.offer(record)).count();
                    self.announce(batch.stream);
                }
                let missing = self.waiting.first().map(|record| read(record).0);
                self.todo.push_back(Input::Processed { peer, token, new, missing });
            }
            Output::Proof { peer, records } => self.judge(peer, &records),
            Output::JoinRequest { peer, secret, .. } => self.redeem(peer, secret),
            Output::Welcome { peer, records } => {
                self.judge(peer, &records);
            }
            Output::WakeAt(at) => self.wake_at_ms = Some(at),
            seen => self.seen.push(seen),
        }
    }

    fn judge(&mut self, peer: DeviceKey, records: &[Vec<u8>]) {
        for record in records {
            self.offer(record);
        }
        self.announce(WORKSPACE.roster());
        let verdict = if self.said(REVOKE).contains(&peer) {
            let chains = self.streams[&WORKSPACE.roster()].values().flatten();
            let records = chains.filter(|r| r[HEAD] == REVOKE).cloned().collect();
            Verdict::Refuse { code: RefusalCode::Revoked, detail: "revoked".into(), records }
        } else if self.allowed().contains(&peer) {
            Verdict::Accept { records: vec![] }
        } else {
            Verdict::Refuse { code: RefusalCode::NotMember, detail: "unknown".into(), records: vec![] }
        };
        self.todo.push_back(Input::Admission { peer, verdict });
    }

    fn redeem(&mut self, peer: DeviceKey, secret: [u8; 32]) {
        let code = match self.invites.get(&secret) {
            None => Some(RefusalCode::InviteUnknown),
            Some(InviteState::Expired) => Some(RefusalCode::InviteExpired),
            Some(InviteState::Used(by)) if *by != peer => Some(RefusalCode::InviteUsed),
            Some(InviteState::Used(_)) => None,
            Some(InviteState::Open) => {
                self.invites.insert(secret, InviteState::Used(peer));
                self.admit(peer);
                None
            }
        };
        let verdict = match code {
            Some(code) => Verdict::Refuse { code, detail: "no".into(), records: vec![] },
            None => {
                Verdict::Accept { records: self.collect(WORKSPACE.roster(), &Have::default(), usize::MAX).0 }
            }
        };
        self.todo.push_back(Input::Admission { peer, verdict });
    }
}

pub(super) fn read(record: &[u8]) -> (StreamKey, DeviceKey, usize) {
    let number = u32::from_be_bytes(record[64..HEAD].try_into().unwrap());
    (
        StreamKey::from_bytes(record[..32].try_into().unwrap()),
        DeviceKey::from_bytes(record[32..64].try_into().unwrap()),
        number as usize,
    )
}
