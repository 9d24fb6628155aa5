//! Any text is a selector or is refused; a selector's text reads back as one that prints the same.
#![no_main]

use keelson_apimachinery::selector::{fields, labels};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(selector) = labels::parse(text) {
        let printed = selector.to_string();
        let again = labels::parse(&printed).expect("what it printed").to_string();
        assert_eq!(again, printed);
        selector.matches(|_| Some(text));
    }
    if let Ok(selector) = fields::parse(text) {
        let again = fields::parse(&selector.to_string()).expect("what it printed");
        assert_eq!(again.requirements().len(), selector.requirements().len());
        selector.matches(|_| text);
    }
});
