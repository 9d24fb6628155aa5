//! `pods/log`, `exec`, `attach` and `portforward`: what the server answers before it would turn to the pod's
//! kubelet. To reach a kubelet is not supported yet: pods that are on a node are refused by name.

use http::StatusCode;
use keelson_apimachinery::field::{FieldError, Path};
use keelson_apimachinery::meta::Object;
use keelson_apimachinery::{Status, Value};

use super::call::Call;
use super::served::not_supported;
use crate::request::{Response, empty};

/// What containers are listed in, in the order in which they are named.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Reads the log of a container: nothing where the pod is on no node.
pub(super) async fn log(call: &Call<'_>) -> Result<Response, Status> {
    check_log_options(call)?;
    let pod = pod(call).await?;
    container(call, &pod)?;
    if is_on_a_node(&pod) {
        return Err(unreachable(call));
    }
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Opens a stream to a container or, for `portforward`, to the pod.
pub(super) async fn stream(call: &Call<'_>) -> Result<Response, Status> {
    let pod = pod(call).await?;
    if call.info.subresource != "portforward" {
        container(call, &pod)?;
    }
    if !is_on_a_node(&pod) {
        let name = &call.info.name;
        return Err(Status::new(400, "BadRequest", format!("pod {name} does not have a host assigned")));
    }
    Err(unreachable(call))
}

async fn pod(call: &Call<'_>) -> Result<Object, Status> {
    let store = call.served.store()?;
    store.get(call.namespace(), &call.info.name).await?.decode(store.resource().type_id)
}

fn is_on_a_node(pod: &Object) -> bool {
    !pod.str_at(&["spec", "nodeName"]).is_empty()
}

fn unreachable(call: &Call<'_>) -> Status {
    not_supported(&format!("pods/{} of a pod that is on a node", call.info.subresource))
}

/// The container that the query names; the only one where it names none.
fn container(call: &Call<'_>, pod: &Object) -> Result<(), Status> {
    let name = &call.info.name;
    let names = |list: &str| -> Vec<&str> {
        let containers = pod.at(&["spec", list]).and_then(Value::as_array).unwrap_or_default();
        containers.iter().map(|container| container.str_at(&["name"])).collect()
    };
    let all: Vec<&str> = CONTAINERS.into_iter().flat_map(names).collect();
    let wanted = call.query.get("container").unwrap_or_default();
    let why = match (wanted, names("containers").len()) {
        ("", 1) => return Ok(()),
        ("", 0) => format!("a container name must be specified for pod {name}"),
        ("", _) => {
            let all = all.join(" ");
            format!("a container name must be specified for pod {name}, choose one of: [{all}]")
        }
        (wanted, _) if all.contains(&wanted) => return Ok(()),
        (wanted, _) => format!("container {wanted} is not valid for pod {name}"),
    };
    Err(Status::bad_request(why))
}

fn check_log_options(call: &Call<'_>) -> Result<(), Status> {
    let number = |name: &str| {
        call.query.integer(name).map_err(Status::bad_request).map(|found| found.map(|n| (Path::new(name), n)))
    };
    let (tail, limit, since) = (number("tailLines")?, number("limitBytes")?, number("sinceSeconds")?);
    let mut errors = Vec::new();
    if let Some((path, lines)) = tail.filter(|(_, lines)| *lines < 0) {
        errors.push(FieldError::invalid_int(&path, lines, "must be greater than or equal to 0"));
    }
    if let Some((path, bytes)) = limit.filter(|(_, bytes)| *bytes < 1) {
        errors.push(FieldError::invalid_int(&path, bytes, "must be greater than 0"));
    }
    let since_time = call.query.get("sinceTime").is_some_and(|time| !time.is_empty());
    match since {
        Some(_) if since_time => {
            let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(FieldError::forbidden(&Path::new(""), why));
        }
        Some((path, seconds)) if seconds < 1 => {
            errors.push(FieldError::invalid_int(&path, seconds, "must be greater than 0"));
        }
        _ => {}
    }
    if call.query.get("stream").is_some() {
        errors.push(FieldError::forbidden(&Path::new("stream"), "may not be specified"));
    }
    match errors.as_slice() {
        [] => Ok(()),
        errors => Err(Status::invalid("", "PodLogOptions", &call.info.name, errors)),
    }
}
