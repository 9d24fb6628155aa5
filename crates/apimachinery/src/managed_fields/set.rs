//! Sets of fields.

use std::cmp::Ordering;
use std::fmt;

use super::element::PathElement;

/// A set of paths, as a tree. That a path is in it says nothing of what is below or above.
///
/// Both lists are sorted, each element once; no child is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    members: Vec<PathElement>,
    children: Vec<(PathElement, Set)>,
}

/// A path, for [`Set::paths`].
pub type Path = Vec<PathElement>;

/// A path as conflicts show it: `.spec.containers[name="x"].image`.
pub fn show(path: &[PathElement]) -> String {
    use fmt::Write;
    path.iter().fold(String::new(), |mut text, element| {
        let _ = write!(text, "{element}");
        text
    })
}

impl Set {
    /// The empty set.
    pub const fn new() -> Self {
        Set { members: Vec::new(), children: Vec::new() }
    }

    /// A set of paths of object members.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Set::new();
        for path in paths {
            let path: Path = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// The elements that are in the set at this level.
    pub(super) fn members(&self) -> &[PathElement] {
        &self.members
    }

    /// The elements below which something is in the set.
    pub(super) fn children(&self) -> &[(PathElement, Set)] {
        &self.children
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    /// How many paths are in the set.
    pub fn len(&self) -> usize {
        self.members.len() + self.children.iter().map(|(_, set)| set.len()).sum::<usize>()
    }

    /// Adds a path; the empty path is no field.
    pub fn insert(&mut self, path: &[PathElement]) {
        match path {
            [] => {}
            [last] => self.insert_member(last.clone()),
            [first, rest @ ..] => {
                let at = match self.children.binary_search_by(|(e, _)| e.cmp(first)) {
                    Ok(at) => at,
                    Err(at) => {
                        self.children.insert(at, (first.clone(), Set::new()));
                        at
                    }
                };
                self.children[at].1.insert(rest);
            }
        }
    }

    /// Adds an element at this level. Cheap where elements come in their order.
    pub(super) fn insert_member(&mut self, element: PathElement) {
        match self.members.last().map_or(Ordering::Less, |last| last.cmp(&element)) {
            Ordering::Less => self.members.push(element),
            Ordering::Equal => {}
            Ordering::Greater => {
                if let Err(at) = self.members.binary_search(&element) {
                    self.members.insert(at, element);
                }
            }
        }
    }

    /// Adds everything of `set` below an element; an empty set leaves no trace.
    pub(super) fn insert_child(&mut self, element: PathElement, set: Set) {
        if set.is_empty() {
            return;
        }
        if self.children.last().is_none_or(|(last, _)| *last < element) {
            return self.children.push((element, set));
        }
        match self.children.binary_search_by(|(e, _)| e.cmp(&element)) {
            Ok(at) => self.children[at].1 = self.children[at].1.union(&set),
            Err(at) => self.children.insert(at, (element, set)),
        }
    }

    /// Whether the path is in the set.
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.has_member(last),
            [first, rest @ ..] => self.child(first).is_some_and(|set| set.has(rest)),
        }
    }

    /// Whether the element is in the set.
    pub(super) fn has_member(&self, element: &PathElement) -> bool {
        self.members.binary_search(element).is_ok()
    }

    /// What is in the set below an element.
    pub fn child(&self, element: &PathElement) -> Option<&Set> {
        let at = self.children.binary_search_by(|(e, _)| e.cmp(element)).ok()?;
        Some(&self.children[at].1)
    }

    /// What is in either set.
    pub fn union(&self, other: &Set) -> Set {
        let members = join(&self.members, &other.members, |e| e, |a, b| a.or(b).cloned());
        let children = join(
            &self.children,
            &other.children,
            |c| &c.0,
            |a, b| match (a, b) {
                (Some((e, a)), Some((_, b))) => Some((e.clone(), a.union(b))),
                (a, b) => a.or(b).cloned(),
            },
        );
        Set { members, children }
    }

    /// What is in both sets.
    pub fn intersection(&self, other: &Set) -> Set {
        let members = join(&self.members, &other.members, |e| e, |a, b| a.and(b).cloned());
        let children = join(
            &self.children,
            &other.children,
            |c| &c.0,
            |a, b| {
                let ((e, a), (_, b)) = (a?, b?);
                filled(e, a.intersection(b))
            },
        );
        Set { members, children }
    }

    /// What is in this set and not in the other.
    pub fn difference(&self, other: &Set) -> Set {
        self.minus(other, false)
    }

    /// What is in this set, and neither in the other nor below anything in it.
    pub fn recursive_difference(&self, other: &Set) -> Set {
        self.minus(other, true)
    }

    /// Takes out what is in the other set; where `recursive`, what is below that, too.
    pub(super) fn take_out(&mut self, other: &Set, recursive: bool) {
        self.members.retain(|element| !other.has_member(element));
        self.children.retain_mut(|(element, below)| {
            if recursive && other.has_member(element) {
                return false;
            }
            if let Some(other) = other.child(element) {
                below.take_out(other, recursive);
            }
            !below.is_empty()
        });
    }

    fn minus(&self, other: &Set, recursive: bool) -> Set {
        let members = join(&self.members, &other.members, |e| e, |a, b| a.filter(|_| b.is_none()).cloned());
        let children = join(
            &self.children,
            &other.children,
            |c| &c.0,
            |a, b| {
                let (e, a) = a?;
                if recursive && other.has_member(e) {
                    return None;
                }
                match b {
                    Some((_, b)) => filled(e, a.minus(b, recursive)),
                    None => Some((e.clone(), a.clone())),
                }
            },
        );
        Set { members, children }
    }

    /// What has nothing below it in the set.
    pub fn leaves(&self) -> Set {
        let members = self.members.iter().filter(|e| self.child(e).is_none()).cloned().collect();
        let children = self.children.iter().filter_map(|(e, set)| filled(e, set.leaves())).collect();
        Set { members, children }
    }

    /// All paths; those of one level before those below.
    pub fn paths(&self) -> Vec<Path> {
        fn walk(set: &Set, prefix: &mut Path, out: &mut Vec<Path>) {
            for element in &set.members {
                let mut path = prefix.clone();
                path.push(element.clone());
                out.push(path);
            }
            for (element, below) in &set.children {
                prefix.push(element.clone());
                walk(below, prefix, out);
                prefix.pop();
            }
        }
        let mut out = Vec::with_capacity(self.len());
        walk(self, &mut Vec::new(), &mut out);
        out
    }
}

fn filled(element: &PathElement, set: Set) -> Option<(PathElement, Set)> {
    (!set.is_empty()).then(|| (element.clone(), set))
}

/// Walks two sorted lists side by side: `pick` sees equal elements together.
fn join<T>(
    a: &[T],
    b: &[T],
    key: impl Fn(&T) -> &PathElement,
    mut pick: impl FnMut(Option<&T>, Option<&T>) -> Option<T>,
) -> Vec<T> {
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        let (x, y) = (a.get(i), b.get(j));
        let order = match (x, y) {
            (Some(x), Some(y)) => key(x).cmp(key(y)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return out,
        };
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
        out.extend(pick(x.filter(|_| order.is_le()), y.filter(|_| order.is_ge())));
    }
}

/// What a write may own: all but what the endpoint resets.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// Everything.
    #[default]
    All,
    /// Nothing of the set, nor below it.
    Exclude(Set),
    /// Only what lies on one of these paths, or below its end. `None` stands for any element.
    Include(Vec<Vec<Option<&'static str>>>),
}

impl Filter {
    /// What is left of a set.
    pub fn apply(&self, mut set: Set) -> Set {
        match self {
            Filter::All => set,
            Filter::Exclude(reset) => {
                set.take_out(reset, true);
                set
            }
            Filter::Include(patterns) => {
                let patterns: Vec<&[Option<&str>]> = patterns.iter().map(Vec::as_slice).collect();
                include(&set, &patterns)
            }
        }
    }
}

fn include(set: &Set, patterns: &[&[Option<&str>]]) -> Set {
    if patterns.iter().any(|pattern| pattern.is_empty()) {
        return set.clone();
    }
    let rest = |element: &PathElement| -> Vec<&[Option<&str>]> {
        let matching = patterns.iter().filter_map(|pattern| {
            let (first, rest) = pattern.split_first()?;
            let matches = match (first, element) {
                (None, _) => true,
                (Some(wanted), PathElement::Field(name)) => wanted == name,
                _ => false,
            };
            matches.then_some(rest)
        });
        matching.collect()
    };
    let members = set.members.iter().filter(|e| !rest(e).is_empty()).cloned().collect();
    let children = set.children.iter().filter_map(|(e, below)| {
        let rest = rest(e);
        if rest.is_empty() { None } else { filled(e, include(below, &rest)) }
    });
    Set { members, children: children.collect() }
}
