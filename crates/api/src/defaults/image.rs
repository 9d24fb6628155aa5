//! Names of container images: whether one means whatever is newest.
//!
//! Source: the grammar of distribution's references, and how familiar names (`nginx`) become full ones.

/// Whether an image is named by the tag `latest`, or by neither tag nor digest. What is no name of an image is not.
pub(super) fn is_latest(name: &str) -> bool {
    parse(name).is_some_and(|(tag, digested)| tag.map_or(!digested, |tag| tag == "latest"))
}

/// The tag, and whether there is a digest.
fn parse(name: &str) -> Option<(Option<&str>, bool)> {
    if name.len() == 64 && name.bytes().all(is_lower_hex) {
        return None;
    }
    let (domain, rest) = split_domain(name);
    if domain.is_some_and(|domain| !is_domain(domain)) {
        return None;
    }
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (rest, None),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    let valid = path.split('/').all(is_path_component)
        && full_length(domain, path) <= 255
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    valid.then_some((tag, digest.is_some()))
}

/// The registry, where the part before the first slash is one, and the rest.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) => {
            let registry = first == "localhost"
                || first.contains(['.', ':'])
                || first.bytes().any(|b| b.is_ascii_uppercase());
            if registry { (Some(first), rest) } else { (None, name) }
        }
        None => (None, name),
    }
}

/// The length of the path in its registry: names without one are of Docker's, where a single name is official.
fn full_length(domain: Option<&str>, path: &str) -> usize {
    let official = matches!(domain, None | Some("docker.io" | "index.docker.io")) && !path.contains('/');
    path.len() + if official { "library/".len() } else { 0 }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = if let Some(rest) = domain.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
            return false;
        }
        match port.strip_prefix(':') {
            Some(port) => return is_port(port),
            None => return port.is_empty(),
        }
    } else {
        match domain.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (domain, None),
        }
    };
    let label = |label: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        edge(label.as_bytes().first())
            && edge(label.as_bytes().last())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// Lower-case letters and digits, in runs that `.`, `_`, `__` or dashes join.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edge = |b: Option<&u8>| b.is_some_and(|b| alphanumeric(*b));
    if !edge(component.as_bytes().first()) || !edge(component.as_bytes().last()) {
        return false;
    }
    let mut joints = component.split(|c: char| c.is_ascii() && alphanumeric(c as u8));
    joints.all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

/// A digest of an algorithm that is known, of that algorithm's length.
fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(is_lower_hex)
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_is_what_has_no_other_tag_and_no_digest() {
        let sha = "a".repeat(64);
        let long = "a".repeat(256);
        let tag = "t".repeat(129);
        for (name, latest) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("nginx:1.25", false),
            ("nginx:Latest", false),
            ("library/nginx", true),
            ("registry.k8s.io/pause:3.10", false),
            ("registry.k8s.io/pause", true),
            ("localhost/app", true),
            ("localhost:5000/app", true),
            ("localhost:5000/app:v1", false),
            ("[::1]:5000/app", true),
            ("[::1/app", false),
            ("UPPER/app", true),
            ("a__b/c--d.e_f", true),
            ("a___b", false),
            ("a..b", false),
            ("-a", false),
            ("a-", false),
            ("Nginx", false),
            ("reg.io/Nginx", false),
            ("", false),
            ("a//b", false),
            ("/a", false),
            ("a:", false),
            ("a b", false),
            ("é", false),
            (&format!("nginx@sha256:{sha}"), false),
            (&format!("nginx:latest@sha256:{sha}"), true),
            (&format!("nginx:1@sha256:{sha}"), false),
            (&format!("nginx:latest@md5:{sha}"), false),
            ("nginx:latest@sha256:abc", false),
            (&sha, false),
            (&long, false),
            (&format!("a:{tag}"), false),
        ] {
            assert_eq!(is_latest(name), latest, "{name}");
        }
    }
}
