//! Bounds what a client may send over HTTP/2 that asks for nothing: pings, settings, priorities, window updates,
//! empty or unknown frames, resets of streams. Each costs the server little, and its parser holds nothing of it, but
//! a client could keep it busy with them for ever (CVE-2019-9511 and its kin, CVE-2023-44487).
//!
//! A connection has an allowance of such frames. Every frame takes from it; what the server sends, which such
//! frames answer in part, and time give back. When it is used up, the connection ends with GOAWAY and
//! ENHANCE_YOUR_CALM. What the parser itself bounds (headers and CONTINUATION, streams, small DATA frames, resets of
//! streams that nobody looked at yet) is set where the connection is built.

use std::time::Duration;

use keelson_base::clock::{self, Instant};

/// How much a client may send at once. kube-apiserver closes connections with so many control frames unanswered.
const ALLOWANCE: u32 = 10_000;
/// How much of it comes back each second.
const PER_SECOND: u64 = 1_000;
/// What a frame takes that resets a stream: its request may have made work.
const RESET: u32 = 10;
/// What each frame of an answer gives back: clients update two windows for it.
const ANSWER_FRAME: u32 = 2;
/// What the end of an answer gives back.
const ANSWER: u32 = RESET;

/// What a client sends before its first frame.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
/// The head of a frame.
const HEAD: usize = 9;

/// The frames' types.
mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RST_STREAM: u8 = 3;
    pub(super) const GOAWAY: u8 = 7;
}

/// In DATA and HEADERS: nothing follows on the stream.
const END_STREAM: u8 = 1;
/// The error that such a connection ends with.
const ENHANCE_YOUR_CALM: u32 = 11;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameHead {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Finds the frames' heads in the bytes of one direction as they go by.
#[derive(Debug)]
struct Frames {
    /// Bytes to the next head.
    skip: usize,
    head: [u8; HEAD],
    /// How much of the head was seen.
    have: usize,
}

impl Frames {
    fn behind(skip: usize) -> Self {
        Frames { skip, head: [0; HEAD], have: 0 }
    }

    fn scan(&mut self, mut bytes: &[u8], mut found: impl FnMut(FrameHead)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            let taken = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            (self.have, bytes) = (self.have + taken, &bytes[taken..]);
            if self.have == HEAD {
                let [a, b, c, kind, flags, stream @ ..] = self.head;
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                (self.have, self.skip) = (0, length);
                let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
                found(FrameHead { length, kind, flags, stream });
            }
        }
    }

    /// Whether a new frame may begin here.
    fn is_between(&self) -> bool {
        self.skip == 0 && self.have == 0
    }
}

/// Watches the frames of a connection. See the module.
#[derive(Debug)]
pub(super) struct Guard {
    incoming: Frames,
    outgoing: Frames,
    last_stream: u32,
    allowance: u32,
    given: Instant,
}

impl Guard {
    /// For a connection on which nothing was sent yet.
    pub(super) fn new() -> Self {
        Guard {
            incoming: Frames::behind(PREFACE),
            outgoing: Frames::behind(0),
            last_stream: 0,
            allowance: ALLOWANCE,
            given: clock::monotonic(),
        }
    }

    /// These bytes came. Whether the connection may go on.
    pub(super) fn came(&mut self, bytes: &[u8]) -> bool {
        let (mut cost, mut last) = (0u32, self.last_stream);
        self.incoming.scan(bytes, |frame| {
            last = last.max(if frame.kind == kind::HEADERS { frame.stream } else { 0 });
            cost = cost.saturating_add(cost_of(frame));
        });
        self.last_stream = last;
        if cost > self.allowance {
            self.refill();
        }
        let enough = cost <= self.allowance;
        self.allowance = self.allowance.saturating_sub(cost);
        enough
    }

    /// These bytes were sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        let mut earned = 0u32;
        self.outgoing.scan(bytes, |frame| {
            if matches!(frame.kind, kind::DATA | kind::HEADERS) {
                let ended = frame.flags & END_STREAM != 0;
                earned = earned.saturating_add(ANSWER_FRAME + if ended { ANSWER } else { 0 });
            }
        });
        self.allowance = self.allowance.saturating_add(earned).min(ALLOWANCE);
    }

    fn refill(&mut self) {
        let now = clock::monotonic();
        let since = now.duration_since(self.given).min(Duration::from_secs(3600));
        let more = u64::try_from(since.as_millis()).unwrap_or(0) * PER_SECOND / 1000;
        if more > 0 {
            self.given = now;
            self.allowance =
                u32::try_from(more).unwrap_or(ALLOWANCE).saturating_add(self.allowance).min(ALLOWANCE);
        }
    }

    /// The frame to end with; none where another one is half sent.
    pub(super) fn farewell(&self) -> Option<Vec<u8>> {
        const WHY: &[u8] = b"too_many_frames";
        let length = u32::try_from(8 + WHY.len()).ok()?;
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind::GOAWAY, 0, 0, 0, 0, 0]);
        frame.extend(self.last_stream.to_be_bytes());
        frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
        frame.extend(WHY);
        self.outgoing.is_between().then_some(frame)
    }
}

/// What a client's frame takes from the allowance.
fn cost_of(frame: FrameHead) -> u32 {
    match frame.kind {
        // Its parser bounds them.
        kind::HEADERS => 0,
        kind::DATA if frame.length > 0 || frame.flags & END_STREAM != 0 => 0,
        kind::RST_STREAM => RESET,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
        let mut bytes = u32::try_from(length).expect("a length").to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(vec![0xff; length]);
        bytes
    }

    /// A guard whose client has sent its preface.
    fn guard() -> Guard {
        let mut guard = Guard::new();
        assert!(guard.came(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        guard
    }

    /// How many of these frames a client may send at once.
    fn at_once(frame: &[u8]) -> usize {
        let mut guard = guard();
        (0..50_000).take_while(|_| guard.came(frame)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_ask_for_nothing_are_counted() {
        let check = |length, kind, flags, wanted| {
            assert_eq!(
                at_once(&frame(length, kind, flags, 1)),
                wanted,
                "kind {kind}, flags {flags}, {length} bytes"
            );
        };
        // PRIORITY, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION and one that nobody knows.
        for (kind, length) in [(2, 5), (4, 0), (4, 60), (6, 8), (8, 4), (9, 0), (99, 1000)] {
            check(length, kind, 0, 10_000);
        }
        check(4, 3, 0, 1_000);
        check(0, 0, 0, 10_000);
        for (kind, flags, length) in [(0, 0, 1), (0, END_STREAM, 0), (1, 4, 100)] {
            check(length, kind, flags, 50_000);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_answers_give_back() {
        let (mut guard, ping) = (guard(), frame(8, 6, 0, 0));
        for _ in 0..ALLOWANCE {
            assert!(guard.came(&ping));
        }
        clock::sleep(Duration::from_secs(2)).await;
        let again = (0..50_000).take_while(|_| guard.came(&ping)).count();
        assert_eq!(again, 2_000);
        guard.sent(&[frame(10, 1, 4, 1), frame(1000, 0, 0, 1), frame(0, 0, END_STREAM, 1)].concat());
        let again = (0..50_000).take_while(|_| guard.came(&ping)).count();
        assert_eq!(again, 16);
        clock::sleep(Duration::from_secs(86_400)).await;
        assert_eq!((0..50_000).take_while(|_| guard.came(&ping)).count(), ALLOWANCE as usize);
    }

    #[tokio::test]
    async fn the_farewell_names_the_last_stream_and_breaks_no_frame() {
        let mut guard = guard();
        guard.came(&[frame(3, 1, 4, 5), frame(3, 1, 4, 7), frame(4, 3, 0, 99)].concat());
        let farewell = guard.farewell().expect("nothing is half sent");
        assert_eq!(farewell, b"\0\0\x17\x07\0\0\0\0\0\0\0\0\x07\0\0\0\x0btoo_many_frames");
        let answer = frame(20, 0, 0, 5);
        guard.sent(&answer[..12]);
        assert_eq!(guard.farewell(), None);
        guard.sent(&answer[12..]);
        assert_eq!(guard.farewell(), Some(farewell));
    }

    proptest! {
        #[test]
        fn heads_are_found_however_bytes_are_cut(
            heads in prop::collection::vec((0..40usize, any::<u8>(), any::<u8>(), 0..1u32 << 31), 0..20),
            cuts in prop::collection::vec(1..30usize, 1..20),
        ) {
            let bytes: Vec<u8> = heads.iter().flat_map(|&(l, k, f, s)| frame(l, k, f, s)).collect();
            let (mut frames, mut found, mut rest) = (Frames::behind(0), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (first, behind) = rest.split_at((*cut).min(rest.len()));
                frames.scan(first, |head| found.push((head.length, head.kind, head.flags, head.stream)));
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, heads);
            prop_assert!(frames.is_between());
        }
    }
}
