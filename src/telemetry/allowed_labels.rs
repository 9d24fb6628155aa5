//! The values that labels of metrics may have, as flags and files write them: `METRIC,LABEL` to `VALUE,…`.

use keelson_apimachinery::Value;
use keelson_apimachinery::codec::yaml;
use keelson_base::metrics::AllowedLabels;

/// The values that these pairs allow. A later pair for the same label takes the place of the one before.
///
/// # Errors
/// A key that is no metric with a label.
pub fn allowed_labels<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<AllowedLabels, String> {
    let mut allowed = AllowedLabels::new();
    for (key, values) in pairs {
        let parts = key.split_once(',').filter(|(metric, label)| is_metric(metric) && is_name(label, ""));
        let Some((metric, label)) = parts else {
            return Err(format!("{key:?} must be a metric and a label, parted by a comma"));
        };
        let values = values.split(',').map(str::to_owned).collect();
        allowed.entry(metric.to_owned()).or_default().insert(label.to_owned(), values);
    }
    Ok(allowed)
}

/// The values that a manifest allows: a YAML mapping of such pairs.
///
/// # Errors
/// What is no such mapping.
pub fn read_allowed_labels(manifest: &[u8]) -> Result<AllowedLabels, String> {
    let decoded = yaml::decode_untyped(manifest).map_err(|error| error.to_string())?;
    let Value::Object(mapping) = &decoded.value else {
        return Err("must be a mapping from METRIC,LABEL to VALUE,…".to_owned());
    };
    let pairs = mapping.iter().map(|(key, value)| match value {
        Value::String(values) => Ok((key, values.as_str())),
        Value::Null => Ok((key, "")),
        _ => Err(format!("{key:?} must have values in one text, parted by commas")),
    });
    allowed_labels(pairs.collect::<Result<Vec<_>, _>>()?)
}

/// Whether a metric may have this name.
pub fn is_metric(name: &str) -> bool {
    is_name(name, ":")
}

fn is_name(name: &str, also: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || also.contains(c);
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A metric, one of its labels, and the values that are allowed.
    type Row<'a> = (&'a str, &'a str, &'a [&'a str]);

    #[test]
    fn manifests_are_mappings_of_metrics_with_labels() {
        let check = |text: &str, expected: Result<&[Row<'_>], &str>| {
            let found = read_allowed_labels(text.as_bytes());
            let expected = expected.map_err(str::to_owned).map(|rows| {
                let mut allowed = AllowedLabels::new();
                for (metric, label, values) in rows {
                    let values = values.iter().map(ToString::to_string).collect();
                    allowed.entry(metric.to_string()).or_default().insert(label.to_string(), values);
                }
                allowed
            });
            assert_eq!(found, expected, "{text}");
        };
        check(
            "\"a_total,verb\": \"GET,LIST\"\n\"a_total,code\": \"\"\n",
            Ok(&[("a_total", "verb", &["GET", "LIST"]), ("a_total", "code", &[""])]),
        );
        check("{}", Ok(&[]));
        check("- a", Err("must be a mapping from METRIC,LABEL to VALUE,…"));
        check("a_total: x", Err("\"a_total\" must be a metric and a label, parted by a comma"));
        check("\"1a,b\": x", Err("\"1a,b\" must be a metric and a label, parted by a comma"));
        check("\"a,b:c\": x", Err("\"a,b:c\" must be a metric and a label, parted by a comma"));
        check("\"a,b\": [x]", Err("\"a,b\" must have values in one text, parted by commas"));
    }
}
