//! Any text is a continue token or is refused; none leads out of the directory that is listed; a token reads
//! back as where it was made.
#![no_main]

use keelson::registry::paging;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, i64)| {
    const PREFIX: &str = "pods/ns/";
    let (text, key, revision) = input;
    if let Ok(start) = paging::decode(text, PREFIX) {
        assert!(start.key.starts_with(PREFIX));
        assert!(!start.key[PREFIX.len()..].split('/').any(|part| matches!(part, "" | "." | "..")));
    }
    let last = format!("{PREFIX}{key}");
    if let Ok(start) = paging::decode(&paging::encode(&last, PREFIX, revision), PREFIX) {
        assert_eq!(start.key.trim_start_matches(PREFIX), format!("{}\0", key.trim_start_matches('/')));
        assert_eq!(start.revision, u64::try_from(revision).unwrap_or(0));
    }
});
