//! The requests that are not reads: a review of a right, and a merge patch of a status.

use serde_json::{Value, json};

use super::{Error, Kube, MAX_OBJECT, check_name, check_namespace};
use crate::{
    http::{Method, Pace, StatusCode},
    json,
};

/// A right of the service account on one object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResourceRight<'a> {
    /// The verb of the API, such as `get`.
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// The resource, such as `releases`.
    pub(crate) resource: &'a str,
    /// The subresource; empty for the resource itself.
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl Kube {
    /// Tells whether the service account has the right (`SelfSubjectAccessReview`), without storing anything.
    ///
    /// # Errors
    /// [`Error::Name`] before anything is sent, [`Error::Remote`] for an answer without a decision.
    pub(crate) async fn may(&self, right: ResourceRight<'_>) -> Result<bool, Error> {
        check_namespace(right.namespace)?;
        check_name(right.name)?;
        let what = format!("the right to {} {}", right.verb, right.resource);
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": right.verb,
                "group": right.group,
                "resource": right.resource,
                "subresource": right.subresource,
                "namespace": right.namespace,
                "name": right.name,
            }},
        });
        let path = [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ];
        let (status, bytes) = self
            .send(Method::POST, &path, &review, "application/json", &what)
            .await?;
        let failed = |reason: String| Error::Remote {
            what: what.clone(),
            reason,
        };
        match status {
            StatusCode::CREATED | StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Error::Denied { what }),
            status => return Err(failed(format!("the server answered {status}"))),
        }
        let answer = json::document(&bytes, &json::KUBERNETES);
        let answer = answer.map_err(|error| failed(format!("its answer: {error}")))?;
        let allowed = answer
            .get("status")
            .and_then(|status| status.get("allowed"));
        match allowed {
            Some(Value::Bool(allowed)) => Ok(*allowed),
            _ => Err(failed("its answer has no decision".to_owned())),
        }
    }

    /// Merges a patch (RFC 7396) into the status of an object.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] without the right, [`Error::NotFound`], [`Error::Remote`].
    pub(crate) async fn patch_status(
        &self,
        api: &[&str],
        resource: &str,
        kind: &str,
        (namespace, name): (&str, &str),
        patch: &Value,
    ) -> Result<(), Error> {
        check_namespace(namespace)?;
        check_name(name)?;
        let what = format!("the status of {kind} {namespace}/{name}");
        let path = [api, &["namespaces", namespace, resource, name, "status"]].concat();
        let sent = self.send(
            Method::PATCH,
            &path,
            patch,
            "application/merge-patch+json",
            &what,
        );
        match sent.await?.0 {
            StatusCode::OK => Ok(()),
            StatusCode::NOT_FOUND => Err(Error::NotFound { what }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::ReadOnly { what }),
            status => Err(Error::Remote {
                reason: format!("the server answered {status}"),
                what,
            }),
        }
    }

    /// Sends a document once, without retries, and reads the answer.
    async fn send(
        &self,
        method: Method,
        path: &[&str],
        document: &Value,
        media_type: &str,
        what: &str,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let failed = |reason: String| Error::Remote {
            what: what.to_owned(),
            reason,
        };
        let document = Some((document, media_type));
        let answer = self.answer(method, path, document, what).await?;
        let status = answer.status();
        let read = Pace::new(self.http.waits())
            .whole(answer, MAX_OBJECT, &what)
            .await;
        Ok((status, read.map_err(|error| failed(error.to_string()))?))
    }
}
