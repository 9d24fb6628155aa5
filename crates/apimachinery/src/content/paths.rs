//! Paths of files that may not lead out of where they begin.

/// What is wrong with a path that may have no `..` between its slashes.
pub fn no_backsteps(path: &str) -> Option<&'static str> {
    path.split('/').any(|part| part == "..").then_some("must not contain '..'")
}

/// What is wrong with a path that must lead from a directory down into it.
pub fn local_descending(path: &str) -> impl Iterator<Item = &'static str> {
    let absolute = path.starts_with('/').then_some("must be a relative path");
    absolute.into_iter().chain(no_backsteps(path))
}

/// As [`local_descending`], where names that begin with `..` are taken by whoever writes the files.
pub fn local_non_reserved(path: &str) -> impl Iterator<Item = &'static str> {
    let reserved = path.starts_with("..") && !path.starts_with("../");
    local_descending(path).chain(reserved.then_some("must not start with '..'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_where_they_begin() {
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(local_non_reserved(path).collect::<Vec<_>>(), expected, "{path:?}");
        };
        check("a/b..c/..d", &[]);
        check("/a", &["must be a relative path"]);
        check("a/../b", &["must not contain '..'"]);
        check("..data", &["must not start with '..'"]);
        check("..", &["must not contain '..'", "must not start with '..'"]);
        check("../a", &["must not contain '..'"]);
    }
}
