//! Flags about front proxies.

use super::{Errors, path, value};
use crate::authn::front_proxy::Config;

const USERNAME: &str = "requestheader-username-headers";
const UID: &str = "requestheader-uid-headers";
const GROUP: &str = "requestheader-group-headers";
const EXTRA: &str = "requestheader-extra-headers-prefix";
const NAMES: &str = "requestheader-allowed-names";

#[derive(Debug, clap::Args)]
pub(super) struct FrontProxy {
    /// The authorities of front proxies: who shows a certificate of theirs may say in headers whose requests it sends
    /// on [default: there are none].
    #[arg(long)]
    requestheader_client_ca_file: Option<String>,
    /// The common names that the certificates of front proxies may have [default: any].
    #[arg(long)]
    requestheader_allowed_names: Option<Vec<String>>,
    /// The headers with a user's name, such as X-Remote-User: the first that has a value counts.
    #[arg(long)]
    requestheader_username_headers: Option<Vec<String>>,
    /// The headers with a user's uid, such as X-Remote-Uid: the first that has a value counts.
    #[arg(long)]
    requestheader_uid_headers: Option<Vec<String>>,
    /// The headers with a user's groups, such as X-Remote-Group: all values count.
    #[arg(long)]
    requestheader_group_headers: Option<Vec<String>>,
    /// What headers begin with that say more of a user, such as X-Remote-Extra-.
    #[arg(long)]
    requestheader_extra_headers_prefix: Option<Vec<String>>,
}

impl FrontProxy {
    /// What front proxies are believed; none where no authorities are named, whatever else is.
    pub(super) fn read(&self, errors: &mut Errors) -> Option<Config> {
        let mut list = |flag: &str, given: &Option<Vec<String>>| {
            let list = given.as_deref().map(value::list).unwrap_or_default();
            if list.iter().any(|value| value.trim().is_empty()) {
                errors.note(&format!("--{flag}"), format!("empty value in {flag:?}"));
            }
            list
        };
        let username_headers = list(USERNAME, &self.requestheader_username_headers);
        let group_headers = list(GROUP, &self.requestheader_group_headers);
        let extra_prefixes = list(EXTRA, &self.requestheader_extra_headers_prefix);
        let allowed_names = list(NAMES, &self.requestheader_allowed_names);
        let uid_headers = list(UID, &self.requestheader_uid_headers);
        if !uid_headers.is_empty() && !uid_headers.iter().any(|h| h.eq_ignore_ascii_case("X-Remote-Uid")) {
            let reason =
                "is set without specifying the standard X-Remote-Uid header - API aggregation will not work";
            errors.note(&format!("--{UID}"), reason);
        }
        let client_ca_file = path(self.requestheader_client_ca_file.as_ref())?;
        Some(Config {
            client_ca_file,
            allowed_names,
            username_headers,
            uid_headers,
            group_headers,
            extra_prefixes,
        })
    }
}
