//! How much is logged: klog's `-v` and `--vmodule`.
//!
//! klog's verbosities are numbers; those of the events here are levels: what is logged from verbosity 0 on is `INFO`,
//! from 3 on `DEBUG`, from 6 on `TRACE`. The libraries under the server tell of errors alone, and from 8 on of all.

use std::sync::atomic::{AtomicU32, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// The crates whose events are the server's own.
const CRATES: [&str; 6] =
    ["kube_apiserver", "keelson", "keelson_api", "keelson_apimachinery", "keelson_base", "keelson_storage"];

/// What users of kube-apiserver know files as that are named otherwise here.
const ALIASES: [(&str, &str); 1] = [("httplog", "access_log")];

/// The verbosity of the process, for what has no level of its own.
static VERBOSITY: AtomicU32 = AtomicU32::new(0);

/// Whether what klog logs at this verbosity is logged. For verbosities that are no level; vmodule counts for levels
/// alone.
pub(crate) fn is_verbose(verbosity: u32) -> bool {
    VERBOSITY.load(Ordering::Relaxed) >= verbosity
}

/// One item of `--vmodule`, `pattern=N`: files that match the pattern are logged at this verbosity at least.
///
/// A pattern is a file's name without `.rs`, or a module's last name; one with `/` or `::` is a whole module. `*` stands
/// for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleVerbosity {
    /// The pattern.
    pub pattern: String,
    /// The verbosity.
    pub verbosity: u32,
}

/// Says which events are logged. Every place in the code is asked about once.
pub(super) struct Verbosity {
    verbosity: u32,
    modules: Vec<ModuleVerbosity>,
}

impl Verbosity {
    pub(super) fn new(verbosity: u32, modules: &[ModuleVerbosity]) -> Self {
        VERBOSITY.store(verbosity, Ordering::Relaxed);
        Verbosity { verbosity, modules: modules.to_vec() }
    }

    fn is_logged(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level(metadata)
    }

    fn level(&self, metadata: &Metadata<'_>) -> LevelFilter {
        let module = metadata.module_path().unwrap_or_else(|| metadata.target());
        let file = metadata.file().unwrap_or_default();
        let matching = self.modules.iter().filter(|item| item.matches(file, module));
        let verbosity = matching.map(|item| item.verbosity).fold(self.verbosity, u32::max);
        let own = match verbosity {
            0..=2 => LevelFilter::INFO,
            3..=5 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        let name = metadata.target().split("::").next().unwrap_or_default();
        if CRATES.contains(&name) || verbosity >= 8 { own } else { LevelFilter::ERROR }
    }

    fn most(&self) -> LevelFilter {
        match self.modules.iter().map(|item| item.verbosity).fold(self.verbosity, u32::max) {
            0..=2 => LevelFilter::INFO,
            3..=5 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

impl<S: Subscriber> Filter<S> for Verbosity {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.is_logged(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_logged(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most())
    }
}

impl ModuleVerbosity {
    fn matches(&self, file: &str, module: &str) -> bool {
        let pattern = ALIASES.iter().find(|(alias, _)| *alias == self.pattern);
        let pattern = pattern.map_or(self.pattern.as_str(), |(_, name)| name);
        if pattern.contains('/') || pattern.contains("::") {
            return is_match(&pattern.replace('/', "::"), module);
        }
        let file = file.rsplit('/').next().unwrap_or(file);
        let last = module.rsplit("::").next().unwrap_or(module);
        is_match(pattern, file.strip_suffix(".rs").unwrap_or(file)) || is_match(pattern, last)
    }
}

/// Whether a text is what a pattern with `*` and `?` says.
fn is_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and what it stood for so far ends.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, end)) = star else { return false };
                star = Some((at, end + 1));
                p = at + 1;
                t = end + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_and_modules() {
        let check = |pattern: &str, file: &str, module: &str, matches: bool| {
            let item = ModuleVerbosity { pattern: pattern.to_owned(), verbosity: 4 };
            assert_eq!(item.matches(file, module), matches, "{pattern} {file} {module}");
        };
        let log = ("src/filters/access_log.rs", "keelson::filters::access_log");
        check("access_log", log.0, log.1, true);
        check("httplog", log.0, log.1, true);
        check("access*", log.0, log.1, true);
        check("*s_l?g", log.0, log.1, true);
        check("access", log.0, log.1, false);
        check("log", log.0, log.1, false);
        check("keelson::filters::*", log.0, log.1, true);
        check("keelson/filters/*", log.0, log.1, true);
        check("filters::access_log", log.0, log.1, false);
        check("server", "src/server/mod.rs", "keelson::server", true);
        check("mod", "src/server/mod.rs", "keelson::server", true);
        check("*", log.0, log.1, true);
        check("?", log.0, log.1, false);
    }

    #[test]
    fn one_file_can_be_louder_than_the_others() {
        use std::io;
        use std::sync::Arc;

        use parking_lot::Mutex;
        use tracing_subscriber::Layer;
        use tracing_subscriber::layer::SubscriberExt;

        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let check = |pattern: &str, wanted: &[&str]| {
            let sink = Sink::default();
            let writer = sink.clone();
            let modules = [ModuleVerbosity { pattern: pattern.to_owned(), verbosity: 3 }];
            let lines = super::super::lines(super::super::Format::Text, move || writer.clone());
            let lines = lines.with_filter(Verbosity::new(0, &modules));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
                tracing::info!("first");
                tracing::debug!("second");
                tracing::trace!("third");
            });
            let text = String::from_utf8(sink.0.lock().clone()).expect("text");
            let logged: Vec<&str> =
                ["first", "second", "third"].into_iter().filter(|word| text.contains(word)).collect();
            assert_eq!(logged, wanted, "{pattern}");
        };
        check("verbosity", &["first", "second"]);
        check("verb*", &["first", "second"]);
        check("other", &["first"]);
    }
}
