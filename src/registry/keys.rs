//! Where objects are in storage: `<directory>/<namespace>/<name>`, or `<directory>/<name>` for resources
//! without namespaces, as kube-apiserver lays them out below its prefix.

use keelson_apimachinery::Status;

use keelson_apimachinery::content::names::path_segment;

/// The keys of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    directory: String,
    namespaced: bool,
}

impl Keys {
    /// Keys below `directory`, without slashes around it.
    pub(crate) fn new(directory: &str, namespaced: bool) -> Self {
        Keys { directory: directory.to_owned(), namespaced }
    }

    /// The key of an object.
    ///
    /// # Errors
    /// 400 for names that would lead elsewhere.
    pub(crate) fn object(&self, namespace: Option<&str>, name: &str) -> Result<String, Status> {
        if name.is_empty() {
            return Err(Status::bad_request("Name parameter required."));
        }
        let wrong = path_segment(name, false);
        if !wrong.is_empty() {
            let why = wrong.join(";");
            return Err(Status::bad_request(format!("Name parameter invalid: {name:?}: {why}")));
        }
        match namespace {
            _ if !self.namespaced => Ok(format!("{}/{name}", self.directory)),
            Some(namespace) if !namespace.is_empty() => {
                Ok(format!("{}{name}", self.directory_of(Some(namespace))?))
            }
            _ => Err(Status::bad_request("Namespace parameter required.")),
        }
    }

    /// What the keys of a namespace's objects start with; of all objects for `None`. Ends in a slash.
    ///
    /// # Errors
    /// 400 for namespaces that would lead elsewhere.
    pub(crate) fn directory_of(&self, namespace: Option<&str>) -> Result<String, Status> {
        match namespace.filter(|n| self.namespaced && !n.is_empty()) {
            None => Ok(format!("{}/", self.directory)),
            Some(namespace) => {
                let wrong = path_segment(namespace, false);
                if !wrong.is_empty() {
                    let why = wrong.join(";");
                    return Err(Status::bad_request(format!(
                        "Namespace parameter invalid: {namespace:?}: {why}"
                    )));
                }
                Ok(format!("{}/{namespace}/", self.directory))
            }
        }
    }

    /// Namespace (empty where there is none) and name that a key of this resource stands for.
    pub(crate) fn parse<'k>(&self, key: &'k str) -> Option<(&'k str, &'k str)> {
        let rest = key.strip_prefix(self.directory.as_str())?.strip_prefix('/')?;
        if self.namespaced { rest.split_once('/') } else { Some(("", rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_kube_apiserver() {
        let pods = Keys::new("pods", true);
        assert_eq!(pods.object(Some("ns"), "a").unwrap(), "pods/ns/a");
        assert_eq!(pods.directory_of(Some("ns")).unwrap(), "pods/ns/");
        assert_eq!(pods.directory_of(None).unwrap(), "pods/");
        assert_eq!(pods.parse("pods/ns/a"), Some(("ns", "a")));
        let nodes = Keys::new("minions", false);
        assert_eq!(nodes.object(None, "n").unwrap(), "minions/n");
        assert_eq!(nodes.parse("minions/n"), Some(("", "n")));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let pods = Keys::new("pods", true);
        for (namespace, name) in
            [(Some("ns"), ".."), (Some("ns"), "a/b"), (Some(".."), "a"), (None, "a"), (Some("ns"), "")]
        {
            assert_eq!(pods.object(namespace, name).unwrap_err().code(), 400, "{namespace:?} {name}");
        }
    }
}
