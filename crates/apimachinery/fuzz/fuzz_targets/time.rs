//! Any text is a time, a time with microseconds and a duration, or is refused; what is read and written is
//! stable.
#![no_main]

use keelson_apimachinery::scalar::{Duration, MicroTime, Time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(time) = Time::parse(text) {
        // An offset may lead out of the years that have four digits.
        let text = time.to_string();
        if text.len() == 20 {
            assert_eq!(Time::parse(&text), Ok(time));
        }
    }
    if let Ok(time) = MicroTime::parse(text) {
        let text = time.to_string();
        if text.len() == 27 {
            assert_eq!(MicroTime::parse(&text), Ok(time));
        }
    }
    if let Ok(duration) = Duration::parse(text) {
        assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
    }
});
