//! `metav1.Time` and `metav1.MicroTime`: RFC 3339 in UTC, to the second and to the microsecond.

use std::borrow::Cow;
use std::fmt;

use super::quote;

/// Seconds from 1970-01-01T00:00:00Z to Go's zero time, 0001-01-01T00:00:00Z.
const ZERO_SECONDS: i64 = -62_135_596_800;
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
}

/// An instant to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds past that second: 0 to 999,999,000, whole microseconds.
    pub nanos: u32,
}

/// Why a text is no time: Go's message, such as
/// `parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseTimeError(String);

impl Time {
    /// Go's zero time, whose JSON is `null`.
    pub const ZERO: Time = Time { seconds: ZERO_SECONDS };

    /// Parses RFC 3339, with or without a fraction of a second, which is dropped.
    ///
    /// # Errors
    /// As Go's `time.Parse` says it.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        match parse_seconds_form(text.as_bytes()) {
            Some(seconds) => Ok(Time { seconds }),
            None => Parser::run(text, Layout::Seconds).map(|(seconds, _)| Time { seconds }),
        }
    }

    /// Parses what [`Time`]'s own `Display` writes, whose year may have more than four digits: protobuf can
    /// hold such times, and they must survive.
    pub(crate) fn parse_lenient(text: &str) -> Result<Self, ParseTimeError> {
        Self::parse(text).or_else(|e| parse_any_year(text).map(|(seconds, _)| Time { seconds }).ok_or(e))
    }

    /// Whether this is Go's zero time.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Appends the canonical text, such as `2026-01-02T03:04:05Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        write_seconds(self.seconds, out);
        out.push(b'Z');
    }

    pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, ParseTimeError> {
        let time = Self::parse(text)?;
        if time.is_zero() {
            return Ok(Cow::Borrowed(""));
        }
        // Twenty characters that parse and end in Z are the canonical form: nothing in them is optional.
        if text.len() == 20 && text.ends_with('Z') {
            return Ok(Cow::Borrowed(text));
        }
        Ok(Cow::Owned(time.to_string()))
    }
}

impl MicroTime {
    /// Go's zero time, whose JSON is `null`.
    pub const ZERO: MicroTime = MicroTime { seconds: ZERO_SECONDS, nanos: 0 };

    /// The instant of a protobuf `Timestamp`, whose parts may be out of range: nanoseconds are cut to whole
    /// microseconds and carried into the seconds, as Go's `time.Unix` does.
    pub fn from_timestamp(seconds: i64, nanos: i32) -> Self {
        let nanos = i64::from(nanos) / 1_000 * 1_000;
        MicroTime {
            seconds: seconds.wrapping_add(nanos.div_euclid(1_000_000_000)),
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        }
    }

    /// Parses RFC 3339 with exactly six digits of fraction.
    ///
    /// # Errors
    /// As Go's `time.Parse` says it.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        Parser::run(text, Layout::Micros).map(|(seconds, nanos)| MicroTime { seconds, nanos })
    }

    /// As [`Time::parse_lenient`].
    pub(crate) fn parse_lenient(text: &str) -> Result<Self, ParseTimeError> {
        Self::parse(text)
            .or_else(|e| parse_any_year(text).map(|(seconds, nanos)| MicroTime { seconds, nanos }).ok_or(e))
    }

    /// Whether this is Go's zero time.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Appends the canonical text, such as `2026-01-02T03:04:05.000006Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        write_seconds(self.seconds, out);
        out.push(b'.');
        push_padded(out, u64::from(self.nanos / 1_000), 6);
        out.push(b'Z');
    }

    pub(super) fn canonical(text: &str) -> Result<Cow<'_, str>, ParseTimeError> {
        let time = Self::parse(text)?;
        Ok(if time.is_zero() { Cow::Borrowed("") } else { super::borrow_if_same(text, &time.to_string()) })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(20);
        self.write(&mut out);
        f.write_str(std::str::from_utf8(&out).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for MicroTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(27);
        self.write(&mut out);
        f.write_str(std::str::from_utf8(&out).map_err(|_| fmt::Error)?)
    }
}

// --- the calendar -----------------------------------------------------------------------------------------

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar. March starts the year, so that the
/// leap day is its last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970-01-01: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

fn seconds_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second
}

fn write_seconds(seconds: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    if year < 0 {
        out.push(b'-');
    }
    push_padded(out, year.unsigned_abs(), 4);
    for (mark, part) in
        [(b'-', month), (b'-', day), (b'T', of_day / 3_600), (b':', of_day / 60 % 60), (b':', of_day % 60)]
    {
        out.extend([mark, b'0' + (part / 10) as u8, b'0' + (part % 10) as u8]);
    }
}

/// Appends a number with zeros in front up to `width` digits.
fn push_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(value);
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits.as_bytes());
}

// --- parsing ----------------------------------------------------------------------------------------------

/// The form that nearly every time has, `2026-01-02T03:04:05Z`, at a glance.
fn parse_seconds_form(text: &[u8]) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    let marks = text[4] == b'-'
        && text[7] == b'-'
        && text[10] == b'T'
        && text[13] == b':'
        && text[16] == b':'
        && text[19] == b'Z';
    if !marks {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in(month, year)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    valid.then(|| seconds_of(year, month, day, hour, minute, second))
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Seconds,
    Micros,
}

/// Reads a time part by part, so that an error names the part as Go's does.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    layout: Layout,
}

impl<'a> Parser<'a> {
    fn run(text: &'a str, layout: Layout) -> Result<(i64, u32), ParseTimeError> {
        let mut parser = Parser { text, rest: text, layout };
        parser.time()
    }

    fn time(&mut self) -> Result<(i64, u32), ParseTimeError> {
        let year = self.year()?;
        self.mark('-')?;
        let month = self.pair("01", 1, 12, "month")?;
        self.mark('-')?;
        let day = self.pair("02", 0, 99, "day")?;
        self.mark('T')?;
        let hour = self.hour()?;
        self.mark(':')?;
        let minute = self.pair("04", 0, 59, "minute")?;
        self.mark(':')?;
        let second = self.pair("05", 0, 59, "second")?;
        let nanos = match self.layout {
            Layout::Seconds => self.any_fraction(),
            Layout::Micros => self.micros()?,
        };
        let offset = self.zone()?;
        if !self.rest.is_empty() {
            return Err(self.wrong(&format!(": extra text: {}", quote(self.rest))));
        }
        if day < 1 || day > days_in(month, year) {
            return Err(self.wrong(": day out of range"));
        }
        Ok((seconds_of(year, month, day, hour, minute, second) - offset, nanos))
    }

    fn year(&mut self) -> Result<i64, ParseTimeError> {
        let year = self.rest.get(..4).filter(|y| y.bytes().all(|b| b.is_ascii_digit()));
        let year = year.and_then(|y| y.parse().ok()).ok_or_else(|| self.cannot("2006"))?;
        self.rest = &self.rest[4..];
        Ok(year)
    }

    /// Go asks for one digit of the hour at least, and for two of every other part.
    fn hour(&mut self) -> Result<i64, ParseTimeError> {
        let bytes = self.rest.as_bytes();
        if bytes.first().is_some_and(u8::is_ascii_digit) && !bytes.get(1).is_some_and(u8::is_ascii_digit) {
            let hour = i64::from(bytes[0] - b'0');
            self.rest = &self.rest[1..];
            return Ok(hour);
        }
        self.pair("15", 0, 23, "hour")
    }

    fn pair(&mut self, element: &str, least: i64, most: i64, name: &str) -> Result<i64, ParseTimeError> {
        let value = two_digits(self.rest).ok_or_else(|| self.cannot(element))?;
        self.rest = &self.rest[2..];
        if value < least || value > most {
            return Err(self.wrong(&format!(": {name} out of range")));
        }
        Ok(value)
    }

    fn mark(&mut self, mark: char) -> Result<(), ParseTimeError> {
        self.rest = self.rest.strip_prefix(mark).ok_or_else(|| self.cannot(mark.encode_utf8(&mut [0; 4])))?;
        Ok(())
    }

    /// A fraction that the layout does not ask for: any number of digits, of which nine count.
    fn any_fraction(&mut self) -> u32 {
        let bytes = self.rest.as_bytes();
        if !matches!(bytes, [b'.' | b',', digit, ..] if digit.is_ascii_digit()) {
            return 0;
        }
        let digits = bytes[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut nanos = 0;
        for i in 0..9 {
            nanos = nanos * 10 + if i < digits { u32::from(bytes[1 + i] - b'0') } else { 0 };
        }
        self.rest = &self.rest[1 + digits..];
        nanos
    }

    fn micros(&mut self) -> Result<u32, ParseTimeError> {
        let fraction = self.rest.get(..7).and_then(|f| f.strip_prefix(['.', ',']));
        let (negative, digits) = match fraction.map(|f| (f.strip_prefix('-'), f)) {
            Some((Some(digits), _)) => (true, digits),
            Some((None, f)) => (false, f.strip_prefix('+').unwrap_or(f)),
            None => return Err(self.cannot(".000000")),
        };
        let micros: u32 = match digits.parse() {
            Ok(micros) if digits.bytes().all(|b| b.is_ascii_digit()) => micros,
            _ => return Err(self.cannot(".000000")),
        };
        self.rest = &self.rest[7..];
        if negative && micros != 0 {
            return Err(self.wrong(": fractional second out of range"));
        }
        Ok(micros * 1_000)
    }

    /// The zone's offset in seconds east of UTC.
    fn zone(&mut self) -> Result<i64, ParseTimeError> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bytes = self.rest.as_bytes();
        if bytes.len() < 6 || bytes[3] != b':' || !self.rest.is_char_boundary(6) {
            return Err(self.cannot("Z07:00"));
        }
        let number = |at: usize| match &bytes[at..at + 2] {
            [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => {
                Some(i64::from(a - b'0') * 10 + i64::from(b - b'0'))
            }
            _ => None,
        };
        let (hours, minutes) = (number(1), number(4));
        let out_of_range = match (hours, minutes) {
            (Some(hours), _) if hours > 24 => Some("hour"),
            (Some(_), Some(minutes)) if minutes > 60 => Some("minute"),
            _ => None,
        };
        if let Some(part) = out_of_range {
            return Err(self.wrong(&format!(": time zone offset {part} out of range")));
        }
        let offset = match (bytes[0], hours, minutes) {
            (b'+', Some(hours), Some(minutes)) => (hours * 60 + minutes) * 60,
            (b'-', Some(hours), Some(minutes)) => -(hours * 60 + minutes) * 60,
            _ => return Err(self.cannot("Z07:00")),
        };
        self.rest = &self.rest[6..];
        Ok(offset)
    }

    fn cannot(&self, element: &str) -> ParseTimeError {
        let layout = match self.layout {
            Layout::Seconds => "2006-01-02T15:04:05Z07:00",
            Layout::Micros => "2006-01-02T15:04:05.000000Z07:00",
        };
        ParseTimeError(format!(
            "parsing time {} as \"{layout}\": cannot parse {} as \"{element}\"",
            quote(self.text),
            quote(self.rest),
        ))
    }

    fn wrong(&self, message: &str) -> ParseTimeError {
        ParseTimeError(format!("parsing time {}{message}", quote(self.text)))
    }
}

fn two_digits(text: &str) -> Option<i64> {
    match text.as_bytes() {
        [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Some(i64::from(a - b'0') * 10 + i64::from(b - b'0'))
        }
        _ => None,
    }
}

/// A canonical text whose year has any number of digits, and may be negative.
fn parse_any_year(text: &str) -> Option<(i64, u32)> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (year, rest) = unsigned.split_at_checked(unsigned.find('-')?)?;
    let year: i64 = year.parse().ok().filter(|y| *y <= 300_000_000_000)?;
    let year = if negative { -year } else { year };
    // The rest is read as if in a year of the same leap-day pattern, since the calendar repeats after 400 years.
    let like = format!("{:04}{rest}", year.rem_euclid(400) + 2_000);
    let layout = if like.contains('.') { Layout::Micros } else { Layout::Seconds };
    let (seconds, nanos) = Parser::run(&like, layout).ok()?;
    let cycles = (year - year.rem_euclid(400) - 2_000) / 400;
    let shift = i128::from(cycles) * i128::from(146_097 * SECONDS_PER_DAY);
    Some((i64::try_from(i128::from(seconds) + shift).ok()?, nanos))
}

#[cfg(test)]
mod tests;
