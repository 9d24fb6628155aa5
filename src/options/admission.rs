//! Flags about admission.

use super::{Errors, path, value};
use crate::admission;
use crate::admission::plugins::{NOT_YET, PLUGINS, select};

#[derive(Debug, clap::Args)]
pub(super) struct Admission {
    /// The admission plugins that are on, and no others (deprecated: use --enable-admission-plugins and
    /// --disable-admission-plugins). Their order doesn't matter.
    #[arg(long)]
    admission_control: Option<Vec<String>>,
    /// The configuration of admission plugins.
    #[arg(long)]
    admission_control_config_file: Option<String>,
    /// How long pods that say nothing of it stay on a node that is not ready (notReady:NoExecute).
    #[arg(long)]
    default_not_ready_toleration_seconds: Option<String>,
    /// How long pods that say nothing of it stay on a node that can't be reached (unreachable:NoExecute).
    #[arg(long)]
    default_unreachable_toleration_seconds: Option<String>,
    #[arg(long, help = help("off although they are on by default"))]
    disable_admission_plugins: Option<Vec<String>>,
    #[arg(long, help = help("on beside those that are on by default"))]
    enable_admission_plugins: Option<Vec<String>>,
}

fn help(what: &str) -> String {
    let names = |wanted: fn(&&'static admission::plugins::Entry) -> bool| -> Vec<&str> {
        PLUGINS.iter().filter(wanted).map(|entry| entry.name).collect()
    };
    let mut all = names(|_| true);
    all.sort_unstable();
    format!(
        "Admission plugins that are {what} ({}). Their order doesn't matter. All plugins: {}",
        names(|entry| entry.on).join(", "),
        all.join(", ")
    )
}

impl Admission {
    pub(super) fn read(&self, errors: &mut Errors) -> admission::Config {
        let only = self.admission_control.as_deref().map(value::list);
        let enabled = self.enable_admission_plugins.as_deref().map(value::list).unwrap_or_default();
        let disabled = self.disable_admission_plugins.as_deref().map(value::list).unwrap_or_default();
        if only.is_some()
            && (self.enable_admission_plugins.is_some() || self.disable_admission_plugins.is_some())
        {
            let why = "admission-control and enable-admission-plugins/disable-admission-plugins flags are \
                       mutually exclusive";
            errors.note("--admission-control", why);
        }
        for (flag, names) in [
            ("admission-control", only.as_deref().unwrap_or_default()),
            ("enable-admission-plugins", &enabled),
            ("disable-admission-plugins", &disabled),
        ] {
            for name in names.iter().filter(|name| PLUGINS.iter().all(|entry| entry.name != **name)) {
                errors.note(&format!("--{flag}"), format!("{flag} plugin {name:?} is unknown"));
            }
        }
        // Those that nobody asks for are in the default set for their place in the order.
        for (flag, names) in [
            ("--admission-control", only.as_deref().unwrap_or_default()),
            ("--enable-admission-plugins", &enabled),
        ] {
            for name in names.iter().filter(|name| NOT_YET.contains(&name.as_str())) {
                errors.note(flag, format!("plugin {name} is not supported by this version of Keelson"));
            }
        }
        let mut both: Vec<&str> =
            enabled.iter().filter(|name| disabled.contains(name)).map(String::as_str).collect();
        both.sort_unstable();
        both.dedup();
        if !both.is_empty() {
            let why = format!(
                "[{}] in enable-admission-plugins and disable-admission-plugins overlapped",
                both.join(" ")
            );
            errors.note("--enable-admission-plugins", why);
        }
        let plugins = match &only {
            Some(only) => {
                let known = PLUGINS.iter().map(|entry| entry.name);
                known.filter(|name| only.iter().any(|only| only == name)).collect()
            }
            None => select(&enabled, &disabled),
        };
        let default = admission::Config::default();
        let not_ready = self.default_not_ready_toleration_seconds.as_ref();
        let unreachable = self.default_unreachable_toleration_seconds.as_ref();
        admission::Config {
            plugins,
            file: path(self.admission_control_config_file.as_ref()),
            not_ready_seconds: errors.value(
                "--default-not-ready-toleration-seconds",
                not_ready,
                value::integer,
                default.not_ready_seconds,
            ),
            unreachable_seconds: errors.value(
                "--default-unreachable-toleration-seconds",
                unreachable,
                value::integer,
                default.unreachable_seconds,
            ),
        }
    }
}
