use proptest::prelude::*;

use super::*;

#[test]
fn seconds_come_out_in_utc() {
    for (text, seconds, canonical) in [
        ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("2026-01-02T03:04:05Z", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.999999999Z", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05,5Z", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-02T05:34:05+02:30", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-01T23:04:05-04:00", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-02T3:04:05Z", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("2026-01-03T04:04:05+24:60", 1_767_323_045, "2026-01-02T03:04:05Z"),
        ("0001-01-01T00:00:00Z", ZERO_SECONDS, "0001-01-01T00:00:00Z"),
        ("0000-03-01T00:00:00Z", -62_162_035_200, "0000-03-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", 253_402_300_799, "9999-12-31T23:59:59Z"),
        ("2024-02-29T00:00:00Z", 1_709_164_800, "2024-02-29T00:00:00Z"),
    ] {
        assert_eq!(Time::parse(text), Ok(Time { seconds }), "{text}");
        assert_eq!(Time { seconds }.to_string(), canonical, "{text}");
    }
}

#[test]
fn times_are_refused_with_gos_message() {
    let as_layout = r#"as "2006-01-02T15:04:05Z07:00": cannot parse"#;
    for (text, message) in [
        ("", format!(r#"parsing time "" {as_layout} "" as "2006""#)),
        ("junk", format!(r#"parsing time "junk" {as_layout} "junk" as "2006""#)),
        ("2026", format!(r#"parsing time "2026" {as_layout} "" as "-""#)),
        ("2026/01", format!(r#"parsing time "2026/01" {as_layout} "/01" as "-""#)),
        ("2026-1-02", format!(r#"parsing time "2026-1-02" {as_layout} "1-02" as "01""#)),
        ("2026-13-02", r#"parsing time "2026-13-02": month out of range"#.into()),
        ("2026-01-02", format!(r#"parsing time "2026-01-02" {as_layout} "" as "T""#)),
        ("2026-01-02T24:00:00Z", r#"parsing time "2026-01-02T24:00:00Z": hour out of range"#.into()),
        ("2026-01-02T20:60:00Z", r#"parsing time "2026-01-02T20:60:00Z": minute out of range"#.into()),
        ("2026-01-02T20:00:60Z", r#"parsing time "2026-01-02T20:00:60Z": second out of range"#.into()),
        ("2026-01-02T20:00:00", {
            format!(r#"parsing time "2026-01-02T20:00:00" {as_layout} "" as "Z07:00""#)
        }),
        ("2026-01-02T20:00:00+25:00", {
            r#"parsing time "2026-01-02T20:00:00+25:00": time zone offset hour out of range"#.into()
        }),
        ("2026-01-02T20:00:00*05:00", {
            format!(r#"parsing time "2026-01-02T20:00:00*05:00" {as_layout} "*05:00" as "Z07:00""#)
        }),
        ("2026-01-02T20:00:00Zx", r#"parsing time "2026-01-02T20:00:00Zx": extra text: "x""#.into()),
        ("2025-02-29T00:00:00Z", r#"parsing time "2025-02-29T00:00:00Z": day out of range"#.into()),
        ("\u{e9}\"\n", format!(r#"parsing time "\xc3\xa9\"\x0a" {as_layout} "\xc3\xa9\"\x0a" as "2006""#)),
    ] {
        assert_eq!(Time::parse(text).map_err(|e| e.to_string()), Err(message), "{text}");
    }
}

#[test]
fn micro_times_have_exactly_six_digits() {
    let time = MicroTime { seconds: 1_767_323_045, nanos: 6_000 };
    assert_eq!(MicroTime::parse("2026-01-02T03:04:05.000006Z"), Ok(time));
    assert_eq!(MicroTime::parse("2026-01-02T04:04:05.000006+01:00"), Ok(time));
    assert_eq!(time.to_string(), "2026-01-02T03:04:05.000006Z");
    for text in ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.000000006Z"] {
        assert!(MicroTime::parse(text).is_err(), "{text}");
    }
    assert_eq!(
        MicroTime::parse("2026-01-02T03:04:05Z").map_err(|e| e.to_string()),
        Err(concat!(
            r#"parsing time "2026-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": "#,
            r#"cannot parse "Z" as ".000000""#
        )
        .to_owned())
    );
}

#[test]
fn the_zero_time_is_known() {
    assert!(Time::parse("0001-01-01T00:00:00Z").is_ok_and(Time::is_zero));
    assert!(MicroTime::parse("0001-01-01T00:00:00.000000Z").is_ok_and(MicroTime::is_zero));
    assert_eq!(Time::canonical("0001-01-01T00:00:00Z").as_deref(), Ok(""));
}

#[test]
fn timestamps_out_of_range_are_carried() {
    for (nanos, expected) in
        [(1_999, (0, 1_000)), (-1, (0, 0)), (-1_000, (-1, 999_999_000)), (1_500_000_000, (1, 500_000_000))]
    {
        let time = MicroTime::from_timestamp(0, nanos);
        assert_eq!((time.seconds, time.nanos), expected, "{nanos}");
    }
}

proptest! {
    #[test]
    fn any_instant_survives_its_text(seconds: i64, micros in 0u32..1_000_000) {
        let time = Time { seconds };
        prop_assert_eq!(Time::parse_lenient(&time.to_string()), Ok(time));
        let time = MicroTime { seconds, nanos: micros * 1_000 };
        prop_assert_eq!(MicroTime::parse_lenient(&time.to_string()), Ok(time));
    }

    #[test]
    fn the_quick_form_agrees_with_the_parser(text in "[0-3][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z") {
        let slow = Parser::run(&text, Layout::Seconds).ok().map(|(seconds, _)| seconds);
        prop_assert_eq!(parse_seconds_form(text.as_bytes()), slow);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[-0-9TZ:.,+]{0,40}") {
        let _ = (Time::parse(&text), MicroTime::parse(&text), Time::parse_lenient(&text));
    }
}
