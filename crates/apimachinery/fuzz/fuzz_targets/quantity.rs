//! Any text is a quantity or is refused; its canonical text is stable, and order and sums are sound.
#![no_main]

use keelson_apimachinery::scalar::{Quantity, canonical};
use keelson_apimachinery::schema::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let quantities = [input.0, input.1].map(|text| {
        let quantity = Quantity::parse(text);
        let once = canonical(&Kind::Quantity, text);
        assert_eq!(quantity.is_ok(), once.is_ok());
        if let (Ok(quantity), Ok(once)) = (&quantity, once) {
            assert_eq!(quantity.to_string(), once);
            let twice = canonical(&Kind::Quantity, &once).expect("what is canonical");
            assert_eq!(twice, once);
        }
        quantity
    });
    let [Ok(a), Ok(b)] = quantities else { return };
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    if let Some(sum) = a.checked_add(&b) {
        assert_eq!(sum.cmp(&a), b.cmp(&Quantity::default()));
        assert_eq!(sum.checked_sub(&b), Some(a));
    }
});
