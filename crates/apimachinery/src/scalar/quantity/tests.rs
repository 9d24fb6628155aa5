use proptest::prelude::*;

use super::*;

#[test]
fn texts_come_out_canonical() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("00", "0"),
        ("-", "0"),
        (".", "0"),
        ("0Ki", "0"),
        ("0e5", "0"),
        ("5", "5"),
        ("+5", "+5"),
        ("05", "05"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        ("1.500", "1.500"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1000m", "1"),
        ("1000k", "1M"),
        ("1200k", "1200k"),
        ("12000000", "12M"),
        ("1E", "1E"),
        ("1000E", "1"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("10e3", "10e3"),
        ("1e4", "10e3"),
        ("1.5e1", "1.5e1"),
        ("1e-7", "100e-9"),
        ("1e-12", "1e-9"),
        ("-1e-1000000000", "-1e-9"),
        ("1Ki", "1Ki"),
        ("1024Ki", "1Mi"),
        ("1025Ki", "1025Ki"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"),
        ("0.0001Ki", "102400u"),
        ("1.1Ki", "1126400m"),
        ("-1Ki", "-1Ki"),
        ("1023", "1023"),
        ("8Ei", "9223372036854775807"),
        ("-9Ei", "-9223372036854775807"),
        ("7Ei", "7Ei"),
        ("0.1n", "1n"),
        ("1.0000000001", "1000000001n"),
        ("9.9999999999", "10"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("123456789012345678900000000000", "123456789012345678900G"),
        ("1234567890123456789000000000000000", "1234567890123456789P"),
        ("1e2147483647", "10e2147483646"),
    ] {
        let quantity = Quantity::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(quantity.to_string(), expected, "{text}");
        assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn wrong_texts_are_refused() {
    use ParseQuantityError::{Format, Numeric, Suffix};
    for (text, error) in [
        ("", Format),
        (" 1", Format),
        ("1 ", Format),
        ("1x", Format),
        ("1.2.3", Format),
        ("--1", Suffix),
        ("1e5x", Format),
        ("1\u{b5}", Format),
        ("1K", Suffix),
        ("1ki", Suffix),
        ("1e", Suffix),
        ("1mm", Suffix),
        ("1m5", Suffix),
        ("1+5", Suffix),
        ("1e99999999999999999999", Suffix),
        (".e-20", Numeric),
    ] {
        assert_eq!(Quantity::parse(text).map(|_| ()), Err(error), "{text}");
        assert_eq!(canonical(text).map(|_| ()), Err(error), "{text}");
    }
    assert_eq!(
        Format.to_string(),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    );
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn order_is_by_value() {
    let rising = [
        "-1e400", "-2Ki", "-2k", "-1", "-1n", "0", "1n", "1m", "999m", "1", "1000.5", "1Ki", "1025", "1E",
        "7Ei", "1e30", "1e400",
    ];
    for (i, a) in rising.iter().enumerate() {
        for (j, b) in rising.iter().enumerate() {
            assert_eq!(quantity(a).cmp(&quantity(b)), i.cmp(&j), "{a} {b}");
        }
    }
    assert_eq!(quantity("1000m"), quantity("1"));
    assert_eq!(quantity("1Mi"), quantity("1048576"));
}

#[test]
fn sums_are_exact_and_keep_the_format() {
    for (a, b, sum) in [
        ("1", "1", "2"),
        ("100m", "900m", "1"),
        ("1Gi", "512Mi", "1536Mi"),
        ("0", "512Mi", "512Mi"),
        ("1", "-1", "0"),
        ("1", "-1n", "999999999n"),
        ("999", "1", "1k"),
        ("1Ki", "-1000", "24"),
        ("7Ei", "7Ei", "14Ei"),
        ("1e30", "1", "1000000000000000000000000000001"),
    ] {
        let (a, b) = (quantity(a), quantity(b));
        let total = a.checked_add(&b).expect("a short sum");
        assert_eq!(total.to_string(), sum);
        assert_eq!(total.checked_sub(&b), Some(a));
    }
    assert_eq!(quantity("1e1000000").checked_add(&quantity("1")), None);
}

#[test]
fn whole_values_round_away_from_zero() {
    for (text, value, milli) in [
        ("1500m", 2, 1500),
        ("-1500m", -2, -1500),
        ("1n", 1, 1),
        ("1Ki", 1024, 1_024_000),
        ("0", 0, 0),
        ("9223372036854775807", i64::MAX, i64::MAX),
        ("1e400", i64::MAX, i64::MAX),
        ("-1e400", i64::MIN, i64::MIN),
    ] {
        assert_eq!((quantity(text).value(), quantity(text).milli_value()), (value, milli), "{text}");
    }
    assert_eq!(quantity("1500m").as_i64(), None);
    assert_eq!(quantity("2k").as_i64(), Some(2000));
    assert_eq!(quantity("1e19").as_i64(), None);
}

#[test]
fn thousandths_are_the_finest_that_resources_have() {
    let check = |text: &str, expected: Option<&str>| {
        let rounded = quantity(text).rounded_to_milli().map(|q| q.to_string());
        assert_eq!(rounded.as_deref(), expected, "{text}");
    };
    for (text, expected) in
        [("1u", "1m"), ("1500u", "2m"), ("-1n", "-1m"), ("1.0005", "1001m"), ("1e-9", "1e-3")]
    {
        check(text, Some(expected));
    }
    for text in ["0", "1m", "1.5", "2Gi", "1000u", "1e3"] {
        check(text, None);
    }
}

proptest! {
    #[test]
    fn canonical_texts_stay(text in r"[+-]?[0-9]{1,20}(\.[0-9]{0,12})?([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,3})?") {
        let once = canonical(&text).expect("well-formed").into_owned();
        prop_assert_eq!(&quantity(&text).to_string(), &once);
        // Go's own text of a number past the last suffix says less than the number.
        if !text.ends_with(['G', 'T', 'P', 'E']) && text.len() < 16 {
            prop_assert_eq!(quantity(&once), quantity(&text));
        }
        let twice = canonical(&once);
        prop_assert_eq!(twice.as_deref(), Ok(once.as_str()));
    }

    #[test]
    fn sums_agree_with_integers(a in -1_000_000_000_000i64..1_000_000_000_000, b in -1_000_000_000_000i64..1_000_000_000_000) {
        let sum = Quantity::new(a, Format::DecimalSi).checked_add(&Quantity::new(b, Format::DecimalSi));
        prop_assert_eq!(sum.and_then(|s| s.as_i64()), Some(a + b));
        let milli = Quantity::from_milli(a, Format::DecimalSi);
        prop_assert_eq!(milli.milli_value(), a);
        prop_assert_eq!(milli.cmp(&Quantity::from_milli(b, Format::BinarySi)), a.cmp(&b));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[-+0-9.eEinumkKMGTP]{0,40}") {
        prop_assert_eq!(canonical(&text).is_ok(), Quantity::parse(&text).is_ok());
    }
}
