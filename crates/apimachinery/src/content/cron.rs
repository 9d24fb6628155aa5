//! Cron schedules of five fields, and names such as `@hourly`, as CronJobs have them.
//!
//! Source: "Schedule syntax" of CronJobs; the texts are those of the library `robfig/cron` v3.

use crate::scalar::Duration;

use super::time_zones::is_time_zone;

/// What a field may be: its least and greatest value, and names for the values from the least on.
struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

const FIELDS: [Bounds; 5] = [
    Bounds { min: 0, max: 59, names: &[] },
    Bounds { min: 0, max: 23, names: &[] },
    Bounds { min: 1, max: 31, names: &[] },
    Bounds {
        min: 1,
        max: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// Checks a schedule.
///
/// # Errors
/// What is wrong with it first.
pub fn check_schedule(schedule: &str) -> Result<(), String> {
    if schedule.is_empty() {
        return Err("empty spec string".to_owned());
    }
    let mut rest = schedule;
    if let Some(zoned) = schedule.strip_prefix("TZ=").or_else(|| schedule.strip_prefix("CRON_TZ=")) {
        let Some((zone, spec)) = zoned.split_once(' ') else {
            let why = "runtime error: slice bounds out of range [:-1]";
            return Err(format!("invalid schedule format: {why}"));
        };
        if !is_time_zone(zone) && zone != "Local" {
            return Err(format!("provided bad location {zone}: unknown time zone {zone}"));
        }
        rest = spec.trim();
    }
    if rest.starts_with('@') {
        return check_descriptor(rest);
    }
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let (count, list) = (fields.len(), fields.join(" "));
        return Err(format!("expected exactly 5 fields, found {count}: [{list}]"));
    }
    fields.iter().zip(&FIELDS).try_for_each(|(field, bounds)| {
        field.split(',').filter(|range| !range.is_empty()).try_for_each(|range| check_range(range, bounds))
    })
}

fn check_descriptor(text: &str) -> Result<(), String> {
    match text {
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@midnight" | "@hourly" => Ok(()),
        _ => match text.strip_prefix("@every ") {
            Some(every) => match Duration::parse(every) {
                Ok(_) => Ok(()),
                Err(why) => Err(format!("failed to parse duration {text}: {why}")),
            },
            None => Err(format!("unrecognized descriptor: {text}")),
        },
    }
}

/// One of `*`, `n`, `n-m`, with `/step` behind it or not.
fn check_range(text: &str, bounds: &Bounds) -> Result<(), String> {
    let mut parts = text.split('/');
    let range = parts.next().unwrap_or("");
    let (step, more) = (parts.next(), parts.next().is_some());
    let mut ends = range.split('-');
    let low = ends.next().unwrap_or("");
    let (high, many) = (ends.next(), ends.next().is_some());
    let (start, mut end) = if matches!(low, "*" | "?") {
        (bounds.min, bounds.max)
    } else {
        let start = number_or_name(low, bounds)?;
        match high {
            None => (start, start),
            Some(_) if many => return Err(format!("too many hyphens: {text}")),
            Some(high) => (start, number_or_name(high, bounds)?),
        }
    };
    let mut every = 1;
    match step {
        Some(_) if more => return Err(format!("too many slashes: {text}")),
        Some(step) => {
            every = number(step)?;
            if high.is_none() {
                end = bounds.max;
            }
        }
        None => {}
    }
    let (min, max) = (bounds.min, bounds.max);
    if start < min {
        return Err(format!("beginning of range ({start}) below minimum ({min}): {text}"));
    }
    if end > max {
        return Err(format!("end of range ({end}) above maximum ({max}): {text}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if every == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(())
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, String> {
    match bounds.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        Some(i) => Ok(bounds.min + i as u64),
        None => number(text),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let syntax = digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Err(format!("negative number ({number}) not allowed: {text}")),
        Ok(number) => Ok(number as u64),
        Err(_) => {
            let why = if syntax { "invalid syntax" } else { "value out of range" };
            let quoted = crate::field::quote(text);
            Err(format!("failed to parse int from {text}: strconv.Atoi: parsing {quoted}: {why}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_refused_with_upstreams_texts() {
        let check = |schedule: &str, expected: Option<&str>| {
            assert_eq!(check_schedule(schedule).err().as_deref(), expected, "{schedule:?}");
        };
        check("*/5 0-23/2 1,15 jan-MAR Mon-fri", None);
        check("0 0 * * ?", None);
        check("@hourly", None);
        check("@every 1h30m", None);
        check("TZ=UTC 0 * * * *", None);
        check("bad", Some("expected exactly 5 fields, found 1: [bad]"));
        check("60 * * * *", Some("end of range (60) above maximum (59): 60"));
        check("* * 0 * *", Some("beginning of range (0) below minimum (1): 0"));
        check("5-1 * * * *", Some("beginning of range (5) beyond end of range (1): 5-1"));
        check("*/0 * * * *", Some("step of range should be a positive number: */0"));
        check("1-2-3 * * * *", Some("too many hyphens: 1-2-3"));
        check("1/2/3 * * * *", Some("too many slashes: 1/2/3"));
        check("x * * * *", Some("failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"));
        check("@never", Some("unrecognized descriptor: @never"));
        check("TZ=Mars/Base 0 * * * *", Some("provided bad location Mars/Base: unknown time zone Mars/Base"));
        check("TZ=0", Some("invalid schedule format: runtime error: slice bounds out of range [:-1]"));
    }
}
