//! How errors show what changed: a unified diff of the JSON of two structs.
//!
//! Clients get to see it, so that the lines are matched as upstream's differ does: by the longest runs of
//! equal lines, in which lines that come up all the time don't count.

use std::collections::HashMap;
use std::fmt::Write;

/// How many equal lines stand around changed ones.
const CONTEXT: usize = 3;

/// Texts of this many lines or more have popular ones.
const LARGE: usize = 200;

/// Past this many lines only what both texts begin and end with is matched, to bound the work.
const MAX_LINES: usize = 10_000;

/// The differences between two compact JSON texts, each indented by one space a level.
pub(crate) fn json_diff(old: &str, new: &str) -> String {
    unified(&indented(old), &indented(new))
}

/// JSON with every member and element on a line of its own.
fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut chars = compact.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    };
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                if matches!((c, chars.peek()), ('{', Some('}')) | ('[', Some(']'))) {
                    out.extend(chars.next());
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

/// A run of equal lines: where it begins in the old text and in the new one, and its length.
#[derive(Clone, Copy)]
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

/// A stretch of lines of both texts, equal or not.
#[derive(Clone, Copy)]
struct Stretch {
    equal: bool,
    old: (usize, usize),
    new: (usize, usize),
}

fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    for hunk in hunks(&stretches(&old, &new)) {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let (before, after) = (range(first.old.0, last.old.1), range(first.new.0, last.new.1));
        // Writing to a string can't fail.
        let _ = writeln!(out, "@@ -{before} +{after} @@");
        for stretch in &hunk {
            let lines = |mark: char, text: &[&str], (from, to): (usize, usize), out: &mut String| {
                for line in &text[from..to] {
                    let _ = writeln!(out, "{mark}{line}");
                }
            };
            if stretch.equal {
                lines(' ', &old, stretch.old, &mut out);
            } else {
                lines('-', &old, stretch.old, &mut out);
                lines('+', &new, stretch.new, &mut out);
            }
        }
    }
    out
}

fn range(from: usize, to: usize) -> String {
    match to - from {
        1 => format!("{}", from + 1),
        0 => format!("{from},0"),
        length => format!("{},{length}", from + 1),
    }
}

fn stretches(old: &[&str], new: &[&str]) -> Vec<Stretch> {
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    for run in runs(old, new) {
        if i < run.old || j < run.new {
            all.push(Stretch { equal: false, old: (i, run.old), new: (j, run.new) });
        }
        i = run.old + run.length;
        j = run.new + run.length;
        if run.length > 0 {
            all.push(Stretch { equal: true, old: (run.old, i), new: (run.new, j) });
        }
    }
    all
}

/// What both texts begin and end with.
fn ends(old: &[&str], new: &[&str]) -> Vec<Run> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    vec![
        Run { old: 0, new: 0, length: head },
        Run { old: old.len() - tail, new: new.len() - tail, length: tail },
        Run { old: old.len(), new: new.len(), length: 0 },
    ]
}

/// The runs of equal lines in order, adjacent ones as one, and an empty one at the end.
fn runs(old: &[&str], new: &[&str]) -> Vec<Run> {
    if old.len().max(new.len()) > MAX_LINES {
        return ends(old, new);
    }
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (j, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(j);
    }
    if new.len() >= LARGE {
        let popular = new.len() / 100 + 1;
        places.retain(|_, at| at.len() <= popular);
    }
    let mut found = Vec::new();
    let mut open = vec![((0, old.len()), (0, new.len()))];
    while let Some(((old_from, old_to), (new_from, new_to))) = open.pop() {
        let run = longest(old, new, &places, (old_from, old_to), (new_from, new_to));
        if run.length == 0 {
            continue;
        }
        found.push(run);
        open.push(((old_from, run.old), (new_from, run.new)));
        open.push(((run.old + run.length, old_to), (run.new + run.length, new_to)));
    }
    found.sort_by_key(|run| (run.old, run.new));
    let mut merged: Vec<Run> = Vec::new();
    for run in found {
        match merged.last_mut() {
            Some(last) if last.old + last.length == run.old && last.new + last.length == run.new => {
                last.length += run.length;
            }
            _ => merged.push(run),
        }
    }
    merged.push(Run { old: old.len(), new: new.len(), length: 0 });
    merged
}

/// The first of the longest runs inside two ranges; it is found by lines that aren't popular, and then grown.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &HashMap<&str, Vec<usize>>,
    (old_from, old_to): (usize, usize),
    (new_from, new_to): (usize, usize),
) -> Run {
    let mut best = Run { old: old_from, new: new_from, length: 0 };
    // How long the run is that ends at a line of the new text and the current one of the old.
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for (i, line) in old.iter().enumerate().take(old_to).skip(old_from) {
        let mut next = HashMap::new();
        for &j in places.get(line).into_iter().flatten() {
            if j < new_from {
                continue;
            }
            if j >= new_to {
                break;
            }
            let before = j.checked_sub(1).and_then(|j| lengths.get(&j)).copied().unwrap_or(0);
            let length = before + 1;
            next.insert(j, length);
            if length > best.length {
                best = Run { old: i + 1 - length, new: j + 1 - length, length };
            }
        }
        lengths = next;
    }
    while best.old > old_from && best.new > new_from && old[best.old - 1] == new[best.new - 1] {
        best = Run { old: best.old - 1, new: best.new - 1, length: best.length + 1 };
    }
    while best.old + best.length < old_to
        && best.new + best.length < new_to
        && old[best.old + best.length] == new[best.new + best.length]
    {
        best.length += 1;
    }
    best
}

/// Changes with what stands around them; those that are close to each other stand together.
fn hunks(stretches: &[Stretch]) -> Vec<Vec<Stretch>> {
    let mut hunks = Vec::new();
    let mut hunk: Vec<Stretch> = Vec::new();
    let end = |(from, to): (usize, usize)| (from.max(to.saturating_sub(CONTEXT)), to);
    let start = |(from, to): (usize, usize)| (from, to.min(from + CONTEXT));
    for (i, stretch) in stretches.iter().enumerate() {
        let mut stretch = *stretch;
        let length = stretch.old.1 - stretch.old.0;
        if stretch.equal && i == 0 {
            stretch = Stretch { old: end(stretch.old), new: end(stretch.new), ..stretch };
        } else if stretch.equal && i + 1 == stretches.len() {
            stretch = Stretch { old: start(stretch.old), new: start(stretch.new), ..stretch };
        } else if stretch.equal && length > 2 * CONTEXT {
            hunk.push(Stretch { old: start(stretch.old), new: start(stretch.new), ..stretch });
            hunks.push(std::mem::take(&mut hunk));
            stretch = Stretch { old: end(stretch.old), new: end(stretch.new), ..stretch };
        }
        hunk.push(stretch);
    }
    if hunk.iter().any(|stretch| !stretch.equal) {
        hunks.push(hunk);
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_show_with_three_lines_around_them() {
        assert_eq!(json_diff(r#"{"a":1}"#, r#"{"a":1}"#), "");
        assert_eq!(
            json_diff(
                r#"{"a":null,"b":{},"c":["x:{"],"d":1,"e":2,"f":3}"#,
                r#"{"a":null,"b":{},"c":["y\""],"d":1,"e":2,"f":3}"#
            ),
            concat!(
                "@@ -2,7 +2,7 @@\n",
                "  \"a\": null,\n",
                "  \"b\": {},\n",
                "  \"c\": [\n",
                "-  \"x:{\"\n",
                "+  \"y\\\"\"\n",
                "  ],\n",
                "  \"d\": 1,\n",
                "  \"e\": 2,\n",
            )
        );
    }

    #[test]
    fn long_texts_are_matched_from_their_ends() {
        let long: Vec<String> = (0..MAX_LINES + 1).map(|i| i.to_string()).collect();
        let mut other = long.clone();
        other[5000] = "x".to_owned();
        let expected = "@@ -4998,7 +4998,7 @@\n 4997\n 4998\n 4999\n-5000\n+x\n 5001\n 5002\n 5003\n";
        assert_eq!(unified(&long.join("\n"), &other.join("\n")), expected);
    }

    #[test]
    fn far_changes_stand_apart() {
        let text = |changed: &[usize]| {
            let lines: Vec<String> = (0..300)
                .map(|i| if changed.contains(&i) { format!("new {i}") } else { format!("line {i}") })
                .collect();
            lines.join("\n")
        };
        let diff = unified(&text(&[]), &text(&[0, 100, 108, 299]));
        let headers: Vec<&str> = diff.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(
            headers,
            ["@@ -1,4 +1,4 @@", "@@ -98,7 +98,7 @@", "@@ -106,7 +106,7 @@", "@@ -297,4 +297,4 @@"]
        );
        assert_eq!(unified("", "a").lines().count(), 3);
        assert_eq!(unified("a\nb\nc", "a\nc"), "@@ -1,3 +1,2 @@\n a\n-b\n c\n");
    }
}
