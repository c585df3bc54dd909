//! A small stub of the Kubernetes API for the objects that promote itself reads and patches.
//!
//! Strict: a path, a member or a media type that it does not know is refused and noted, so that a client which
//! asks for more than it should is found. It has no watch, no list and no other writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, body::Incoming, header};
use serde_json::{Value, json};

use crate::{
    server::{Body, Listener, Reply, serve_with},
    tls::Tls,
};

/// The name of the service account whose token is mounted.
pub const ACCOUNT: &str = "release-sa";
/// The namespace of that service account.
pub const NAMESPACE: &str = "tenant";
/// The end of its token, which is found again wherever the token goes.
pub const SIGNATURE: &str = "Sx9ClusterTokenSecret009";
/// The group under which objects of the core API are stored.
const CORE: &str = "v1";
/// The resources that there are, with their kinds.
const RESOURCES: [(&str, &str); 7] = [
    ("releases", "Release"),
    ("releaseplans", "ReleasePlan"),
    ("releaseplanadmissions", "ReleasePlanAdmission"),
    ("snapshots", "Snapshot"),
    ("enterprisecontractpolicies", "EnterpriseContractPolicy"),
    ("componentgroups", "ComponentGroup"),
    ("secrets", "Secret"),
];

/// The API of a cluster; it ends when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    listener: Listener,
    tls: Tls,
    shared: Arc<Mutex<ClusterState>>,
}

#[derive(Debug, Default)]
struct ClusterState {
    token: String,
    objects: BTreeMap<String, Value>,
    rights: BTreeSet<String>,
    requests: Vec<String>,
    refused: Vec<String>,
}

/// An answer in the making: status and document.
type Answer = (u16, Value);

impl Cluster {
    /// Starts it without objects and rights.
    pub fn start() -> Result<Self> {
        let tls = Tls::private_authority()?;
        let claims = json!({"sub": format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}")});
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let shared = Arc::new(Mutex::new(ClusterState {
            token: format!("e30.{claims}.{SIGNATURE}"),
            ..ClusterState::default()
        }));
        let state = Arc::clone(&shared);
        let answer = move |request: Request<Incoming>| -> Reply {
            let state = Arc::clone(&state);
            Box::pin(async move { respond(&state, request).await })
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = serve_with(address, Some(Arc::clone(&tls.config)), answer)?;
        Ok(Self {
            listener,
            tls,
            shared,
        })
    }

    /// Stores an object under its own group, namespace and name.
    pub fn put(&self, object: Value) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let resource = RESOURCES.iter().find(|(_, of)| *of == kind);
        let resource = resource.map_or("unknown", |(resource, _)| *resource);
        let group = object["apiVersion"].as_str().unwrap_or_default();
        let group = group.split('/').next().unwrap_or_default();
        let text = |member: &str| object["metadata"][member].as_str().unwrap_or_default();
        let key = format!("{group}/{resource}/{}/{}", text("namespace"), text("name"));
        self.change(|state| state.objects.insert(key, object.clone()));
    }

    /// Removes an object, as a garbage collector does.
    pub fn remove(&self, resource: &str, name: &str) {
        let end = format!("/{resource}/{NAMESPACE}/{name}");
        self.change(|state| state.objects.retain(|key, _| !key.ends_with(&end)));
    }

    /// Adds a right of the service account: `get releases`, `patch releases/status`.
    pub fn allow(&self, right: &str) {
        self.change(|state| state.rights.insert(right.to_owned()));
    }

    /// Adds the rights to read everything of a release.
    pub fn allow_reading(&self) {
        for (resource, _) in RESOURCES.iter().filter(|(name, _)| *name != "secrets") {
            self.allow(&format!("get {resource}"));
        }
    }

    /// Returns the object as patched so far.
    #[must_use]
    pub fn object(&self, resource: &str, name: &str) -> Value {
        let end = format!("/{resource}/{NAMESPACE}/{name}");
        self.change(|state| {
            let mut found = state.objects.iter().filter(|(key, _)| key.ends_with(&end));
            found
                .next()
                .map_or(Value::Null, |(_, object)| object.clone())
        })
    }

    /// Method and path of every request.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.change(|state| state.requests.clone())
    }

    /// Requests that were refused because the stub does not have what they name.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.change(|state| state.refused.clone())
    }

    /// Writes what Kubernetes mounts for a service account.
    pub fn mount(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        let token = self.change(|state| state.token.clone());
        fs::write(dir.join("token"), token)?;
        fs::write(dir.join("ca.crt"), &self.tls.trusted_pem)?;
        fs::write(dir.join("namespace"), NAMESPACE)?;
        Ok(())
    }

    /// A kubeconfig of the same account.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
            "clusters": [{"name": "c", "cluster": {
                "server": format!("https://{}", self.listener.address()),
                "certificate-authority-data": STANDARD.encode(&self.tls.trusted_pem),
            }}],
            "users": [{"name": "u", "user": {"token": self.change(|state| state.token.clone())}}],
        });
        config.to_string()
    }

    /// The variables that Kubernetes sets in every pod.
    #[must_use]
    pub fn env(&self) -> [(&'static str, String); 2] {
        let address = self.listener.address();
        [
            ("KUBERNETES_SERVICE_HOST", address.ip().to_string()),
            ("KUBERNETES_SERVICE_PORT", address.port().to_string()),
        ]
    }

    fn change<T>(&self, change: impl FnOnce(&mut ClusterState) -> T) -> T {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn respond(shared: &Mutex<ClusterState>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return response((400, failure(400, "BadRequest"))),
    };
    let header = |name: header::HeaderName| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let path = parts.uri.path().to_owned();
    state.requests.push(format!("{} {path}", parts.method));
    if header(header::AUTHORIZATION) != format!("Bearer {}", state.token) {
        return response((401, failure(401, "Unauthorized")));
    }
    let media_type = header(header::CONTENT_TYPE);
    let answer = if parts.uri.query().is_some() {
        Err("a query".to_owned())
    } else {
        state.answer(&parts.method, &path, &media_type, &bytes)
    };
    let answer = answer.unwrap_or_else(|what| {
        state
            .refused
            .push(format!("{} {path}: {what}", parts.method));
        (422, failure(422, "Invalid"))
    });
    response(answer)
}

impl ClusterState {
    /// Answers a request, or names what is not known.
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Answer, String> {
        let segments: Vec<_> = path.split('/').skip(1).collect();
        match (method, segments.as_slice()) {
            (
                &Method::POST,
                [
                    "apis",
                    "authorization.k8s.io",
                    "v1",
                    "selfsubjectaccessreviews",
                ],
            ) => self.review(media_type, bytes),
            (
                &Method::GET,
                [
                    "apis",
                    group,
                    version,
                    "namespaces",
                    namespace,
                    resource,
                    name,
                ],
            ) if *version == version_of(resource) => self.get(&[group, resource, namespace, name]),
            (&Method::GET, ["api", "v1", "namespaces", namespace, "secrets", name]) => {
                self.get(&[CORE, "secrets", namespace, name])
            }
            (
                &Method::PATCH,
                [
                    "apis",
                    group,
                    "v1alpha1",
                    "namespaces",
                    namespace,
                    resource,
                    name,
                    "status",
                ],
            ) => {
                let key = [*group, *resource, *namespace, *name].join("/");
                self.patch(&key, resource, media_type, bytes)
            }
            _ => Err("an unknown path".to_owned()),
        }
    }

    fn get(&self, [group, resource, namespace, name]: &[&str; 4]) -> Result<Answer, String> {
        if !RESOURCES.iter().any(|(known, _)| known == resource) {
            return Err(format!("the unknown resource {resource}"));
        }
        // An API server says 404 for a group that it does not have, whatever the rights are.
        let is_core = *group == CORE && *resource == "secrets";
        if !is_core && !matches!(*group, "appstudio.redhat.com" | "konflux-ci.dev") {
            return Err(format!("the unknown group {group}"));
        }
        let has_group = self
            .objects
            .keys()
            .any(|key| key.starts_with(&format!("{group}/")));
        if !has_group && !is_core {
            return Ok((404, failure(404, "NotFound")));
        }
        if !self.rights.contains(&format!("get {resource}")) {
            return Ok((403, failure(403, "Forbidden")));
        }
        let found = self
            .objects
            .get(&[*group, *resource, *namespace, *name].join("/"));
        Ok(found.map_or_else(
            || (404, failure(404, "NotFound")),
            |object| (200, object.clone()),
        ))
    }

    fn review(&self, media_type: &str, bytes: &[u8]) -> Result<Answer, String> {
        let review = document(media_type, "application/json", bytes)?;
        only(&review, &["apiVersion", "kind", "spec"])?;
        only(&review["spec"], &["resourceAttributes"])?;
        let of = &review["spec"]["resourceAttributes"];
        only(
            of,
            &[
                "verb",
                "group",
                "resource",
                "subresource",
                "namespace",
                "name",
            ],
        )?;
        let text = |member: &str| of[member].as_str().unwrap_or_default();
        let right = match text("subresource") {
            "" => format!("{} {}", text("verb"), text("resource")),
            part => format!("{} {}/{part}", text("verb"), text("resource")),
        };
        let mut answer = review.clone();
        answer["status"] = json!({"allowed": self.rights.contains(&right)});
        Ok((201, answer))
    }

    fn patch(
        &mut self,
        key: &str,
        resource: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Answer, String> {
        let patch = document(media_type, "application/merge-patch+json", bytes)?;
        if resource != "releases" {
            return Err(format!("a patch of {resource}"));
        }
        only(&patch, &["status"])?;
        only(&patch["status"], &["artifacts"])?;
        if bytes.len() > 1 << 20 {
            return Ok((413, failure(413, "RequestEntityTooLarge")));
        }
        if !self.rights.contains(&format!("patch {resource}/status")) {
            return Ok((403, failure(403, "Forbidden")));
        }
        let Some(object) = self.objects.get_mut(key) else {
            return Ok((404, failure(404, "NotFound")));
        };
        merge(object, &patch);
        Ok((200, object.clone()))
    }
}

/// The version of the API that has a resource.
fn version_of(resource: &str) -> &'static str {
    match resource {
        "componentgroups" => "v1beta2",
        _ => "v1alpha1",
    }
}

/// Merges a patch into a document (JSON Merge Patch, RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (member, value) in patch {
        match value {
            Value::Null => {
                if let Value::Object(target) = target {
                    target.remove(member);
                }
            }
            value => merge(&mut target[member], value),
        }
    }
}

fn document(media_type: &str, expected: &str, bytes: &[u8]) -> Result<Value, String> {
    if media_type != expected {
        return Err(format!("the media type {media_type:?}"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Refuses members that are not known.
fn only(object: &Value, known: &[&str]) -> Result<(), String> {
    let members = object.as_object().ok_or("a value that is not an object")?;
    match members
        .keys()
        .find(|member| !known.contains(&member.as_str()))
    {
        Some(member) => Err(format!("the unknown member {member}")),
        None => Ok(()),
    }
}

fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
}

fn response((status, document): Answer) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(document.to_string()));
    response.unwrap_or_default()
}
