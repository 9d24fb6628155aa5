//! Node ports: a bit each in one object, `ranges/servicenodeports`, that kube-apiserver shares.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use keelson_apimachinery::codec::{envelope, protobuf};
use keelson_apimachinery::{Map, Status, TypeId, Value};
use keelson_base::random;
use keelson_storage::{Error, KeyValue, Storage};

use super::network::PortRange;
use crate::registry::errors::About;
use crate::registry::stored::unreadable;

const KEY: &str = "ranges/servicenodeports";
const ABOUT: About<'static> = About { group: "", plural: "serviceips", name: "", verb: "update" };

/// Hands out node ports.
#[derive(Clone)]
pub(super) struct NodePorts {
    storage: Arc<dyn Storage>,
    range: PortRange,
    ty: TypeId,
}

/// Which ports are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken(BTreeSet<u16>);

impl Taken {
    /// Takes a port.
    ///
    /// # Errors
    /// The text of why not.
    pub(super) fn take(&mut self, port: i64, range: PortRange) -> Result<u16, String> {
        let in_range = u16::try_from(port).ok().filter(|_| range.contains(port));
        let Some(port) = in_range else {
            let text = "provided port is not in the valid range. The range of valid ports is";
            return Err(format!("{text} {range}"));
        };
        if self.0.insert(port) { Ok(port) } else { Err("provided port is already allocated".to_owned()) }
    }

    /// Takes any free port: of the upper part of the range while that has some.
    ///
    /// # Errors
    /// The text of a full range.
    pub(super) fn take_any(&mut self, range: PortRange) -> Result<u16, String> {
        let size = range.size();
        let reserved = if size <= 16 { 0 } else { (size / 32).clamp(16, 128) };
        let upper = size - reserved;
        let start = usize::try_from(random::below(upper as u64)).unwrap_or(0);
        let offsets = (0..upper).map(|i| reserved + (start + i) % upper).chain(0..reserved);
        let mut ports = offsets.filter_map(|i| u16::try_from(usize::from(range.first) + i).ok());
        let free = ports.find(|port| !self.0.contains(port)).ok_or_else(|| "range is full".to_owned())?;
        self.0.insert(free);
        Ok(free)
    }

    /// Gives ports back.
    pub(super) fn give_back(&mut self, ports: &BTreeSet<u16>) {
        self.0.retain(|port| !ports.contains(port));
    }

    /// Whether a port is taken.
    pub(super) fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }

    /// All ports that are taken, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// Takes ports that were taken without being noted.
    pub(super) fn add(&mut self, ports: &BTreeSet<u16>) {
        self.0.extend(ports);
    }

    /// As a bitmap, the first port of the range being its lowest bit: big-endian, without leading zeros.
    fn to_bitmap(&self, range: PortRange) -> Vec<u8> {
        let mut bytes = vec![0u8; range.size().div_ceil(8)];
        for port in &self.0 {
            let offset = usize::from(port.saturating_sub(range.first));
            let at = bytes.len() - 1 - offset / 8;
            bytes[at] |= 1 << (offset % 8);
        }
        let leading = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes.split_off(leading)
    }

    fn from_bitmap(bytes: &[u8], range: PortRange) -> Self {
        let bits = bytes.iter().rev().enumerate().flat_map(|(i, byte)| {
            (0..8).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| i * 8 + bit)
        });
        let ports = bits.filter_map(|offset| u16::try_from(usize::from(range.first) + offset).ok());
        Taken(ports.filter(|port| *port <= range.last).collect())
    }
}

impl NodePorts {
    /// Ports of `range`, kept in `storage`.
    pub(super) fn new(storage: Arc<dyn Storage>, range: PortRange) -> Option<Self> {
        Some(NodePorts { storage, range, ty: keelson_api::facts::kind("", "v1", "RangeAllocation")? })
    }

    /// The range.
    pub(super) fn range(&self) -> PortRange {
        self.range
    }

    /// Whether somebody has noted what is taken.
    pub(super) async fn is_noted(&self) -> Result<bool, Status> {
        self.storage.get(KEY).await.map(|found| found.is_some()).map_err(|error| ABOUT.status(error))
    }

    /// What is taken now: `initial` says what is where nobody has noted it yet.
    pub(super) async fn look(&self, initial: &BTreeSet<u16>) -> Result<Taken, Status> {
        let current = self.storage.get(KEY).await.map_err(|error| ABOUT.status(error))?;
        Ok(self.read(current.as_ref(), initial)?.0)
    }

    /// Changes what is taken; `change` is called again when another server was faster.
    ///
    /// # Errors
    /// What `change` says, and 500 where the range that was noted is another.
    pub(super) async fn change<T>(
        &self,
        initial: &BTreeSet<u16>,
        mut change: impl FnMut(&mut Taken) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let mut current = self.storage.get(KEY).await.map_err(|error| ABOUT.status(error))?;
        loop {
            let (mut taken, object) = self.read(current.as_ref(), initial)?;
            let before = taken.clone();
            let outcome = change(&mut taken)?;
            if taken == before && current.is_some() {
                return Ok(outcome);
            }
            let value = self.write(object, &taken)?;
            let written = match &current {
                Some(current) => self.storage.update(KEY, current.revision, value, None).await,
                None => self.storage.create(KEY, value, None).await,
            };
            match written {
                Ok(_) => return Ok(outcome),
                Err(Error::Conflict { current: newer }) => current = newer,
                Err(Error::Exists | Error::NotFound) => {
                    current = self.storage.get(KEY).await.map_err(|error| ABOUT.status(error))?;
                }
                Err(error) => return Err(ABOUT.status(error)),
            }
        }
    }

    fn read(&self, current: Option<&KeyValue>, initial: &BTreeSet<u16>) -> Result<(Taken, Map), Status> {
        let Some(current) = current else { return Ok((Taken(initial.clone()), Map::new())) };
        let envelope = envelope::open(&current.value).map_err(unreadable)?;
        let value = protobuf::decode(keelson_api::schema(), self.ty, envelope.raw).map_err(unreadable)?;
        let range = value.str_at(&["range"]);
        if !range.is_empty() && range != self.range.to_string() {
            let why = "the provided port range does not match the current port range";
            return Err(Status::internal(format!("{why} {range}")));
        }
        let data = STANDARD.decode(value.str_at(&["data"])).map_err(unreadable)?;
        let taken = Taken::from_bitmap(&data, self.range);
        match value {
            Value::Object(map) => Ok((taken, map)),
            _ => Ok((taken, Map::new())),
        }
    }

    fn write(&self, mut object: Map, taken: &Taken) -> Result<Bytes, Status> {
        object.insert("range", self.range.to_string());
        object.insert("data", STANDARD.encode(taken.to_bitmap(self.range)));
        let message = protobuf::encode(keelson_api::schema(), self.ty, &Value::Object(object));
        Ok(envelope::seal("v1", "RangeAllocation", &message.map_err(Status::internal)?).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_are_those_of_gos_big_integers() {
        let range = PortRange::default();
        let check = |ports: &[u16], bytes: &[u8]| {
            let taken = Taken(ports.iter().copied().collect());
            assert_eq!(taken.to_bitmap(range), bytes, "{ports:?}");
            assert_eq!(Taken::from_bitmap(bytes, range), taken, "{bytes:?}");
        };
        check(&[], &[]);
        check(&[30000], &[1]);
        check(&[30001, 30008], &[1, 2]);
        let mut last = vec![0x80];
        last.extend([0; 345]);
        check(&[32767], &last);
    }

    #[test]
    fn ports_are_taken_once() {
        let range = PortRange { first: 10, last: 12 };
        let mut taken = Taken::default();
        assert_eq!(taken.take(11, range), Ok(11));
        assert_eq!(taken.take(11, range), Err("provided port is already allocated".into()));
        let outside = "provided port is not in the valid range. The range of valid ports is 10-12";
        assert_eq!(taken.take(70_000, range), Err(outside.into()));
        let mut rest = [taken.take_any(range).unwrap(), taken.take_any(range).unwrap()];
        rest.sort_unstable();
        assert_eq!(rest, [10, 12]);
        assert_eq!(taken.take_any(range), Err("range is full".into()));
    }
}
