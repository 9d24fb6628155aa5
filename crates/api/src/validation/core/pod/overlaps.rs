//! Files of one volume at paths that stand in each other's way.

use std::collections::BTreeMap;

use crate::validation::Node;

/// How many overlaps of one pod are told.
const MAX_TOLD: usize = 100;

/// A path, and what it comes from.
#[derive(Clone, Debug, PartialEq)]
struct File {
    path: String,
    source: String,
}

impl File {
    fn new(path: &str, source: &str) -> Self {
        File { path: path.trim_end_matches('/').to_owned(), source: source.to_owned() }
    }

    fn shown(&self) -> String {
        match self.source.as_str() {
            "" => format!("{:?}", self.path),
            source => format!("{:?} ({source})", self.path),
        }
    }
}

/// The files of a volume so far, in order, and where each path is among them.
#[derive(Default)]
struct Files {
    list: Vec<File>,
    by_path: BTreeMap<String, Vec<usize>>,
}

impl Files {
    /// Adds a file; returns those that it overlaps, in order.
    fn add(&mut self, file: File) -> Vec<usize> {
        let mut found = Vec::new();
        if !file.path.is_empty() {
            for (i, _) in file.path.match_indices('/') {
                found.extend(self.by_path.get(&file.path[..i]).into_iter().flatten());
            }
            found.extend(self.by_path.get(&file.path).into_iter().flatten());
            let below = format!("{}/", file.path);
            let inside = self.by_path.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
            found.extend(inside.take(MAX_TOLD).flat_map(|(_, at)| at));
            found.sort_unstable();
            found.truncate(MAX_TOLD);
            self.by_path.entry(file.path.clone()).or_default().push(self.list.len());
        }
        self.list.push(file);
        found
    }
}

/// Warns of overlapping files of each volume.
pub(super) fn overlaps(volumes: &Node<'_>, list: &mut Vec<String>) {
    let start = list.len();
    for volume in volumes.items() {
        let name = volume.text_at(&["name"]);
        for (kind, shown, named) in [("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")] {
            let source = volume.child(kind);
            if source.is_set() {
                let what = format!("{shown} {:?}", source.text_at(&[named]));
                tell(name, &what, items(&source, ""), list, start);
            }
        }
        let source = volume.child("downwardAPI");
        if source.is_set() {
            tell(name, "DownwardAPI", items(&source, ""), list, start);
        }
        let source = volume.child("projected");
        if source.is_set() {
            let mut files = Vec::new();
            for part in source.child("sources").items() {
                if part.object().is_none_or(|members| members.iter().all(|(_, v)| v.is_null())) {
                    list.push(format!("volume {name:?} (Projected) has no sources provided"));
                    continue;
                }
                files.extend(of_projection(&part));
            }
            tell(name, "Projected", files, list, start);
        }
    }
}

fn tell(volume: &str, what: &str, files: Vec<File>, list: &mut Vec<String>, start: usize) {
    let mut before = Files::default();
    for file in files {
        let shown = file.shown();
        for i in before.add(file) {
            if list.len() - start >= MAX_TOLD {
                return;
            }
            let other = before.list[i].shown();
            list.push(format!("volume {volume:?} ({what}): overlapping paths: {shown} with {other}"));
        }
    }
}

fn items(source: &Node<'_>, named: &str) -> Vec<File> {
    source.child("items").items().map(|item| File::new(item.text_at(&["path"]), named)).collect()
}

/// The files of one source of a projected volume: of the first kind that has some.
fn of_projection(source: &Node<'_>) -> Vec<File> {
    for (kind, shown) in [("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "DownwardAPI")] {
        let part = source.child(kind);
        if part.child("items").is_set() {
            let named = match kind {
                "downwardAPI" => shown.to_owned(),
                _ => format!("{shown} {:?}", part.text_at(&["name"])),
            };
            return items(&part, &named);
        }
    }
    let token = source.child("serviceAccountToken");
    if token.is_set() {
        return vec![File::new(token.text_at(&["path"]), "ServiceAccountToken")];
    }
    let bundle = source.child("clusterTrustBundle");
    if bundle.is_set() {
        let name = bundle.child("name");
        let name = name.opt_text().unwrap_or(bundle.text_at(&["signerName"]));
        return vec![File::new(bundle.text_at(&["path"]), &format!("ClusterTrustBundle {name:?}"))];
    }
    let certificate = source.child("podCertificate");
    let parts = [
        ("certificateChainPath", "PodCertificate chain"),
        ("keyPath", "PodCertificate key"),
        ("credentialBundlePath", "PodCertificate credential bundle"),
    ];
    let files = parts.into_iter().map(|(member, shown)| File::new(certificate.text_at(&[member]), shown));
    files.filter(|file| !file.path.is_empty()).collect()
}
