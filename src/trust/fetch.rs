//! Fetches small documents from servers with keys, trusted roots and log entries.

use super::Error;
use crate::http::{
    self, FollowError, Http, Method, Pace, Response, Sent, StatusCode, Traffic, Url, header,
};

/// Fetches a document; `None` if it does not exist.
///
/// # Errors
/// [`Error::Remote`] for every other status, including redirects, and for a body over the limit.
pub(super) async fn get(http: &Http, url: &Url, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let response = send(http, url, None).await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::OK => read(http, url, response, limit).await.map(Some),
        status => Err(failed(url, format!("it responded with {status}"))),
    }
}

/// Fetches a document and follows redirects over TLS; `None` if it does not exist.
///
/// # Errors
/// [`Error::Remote`] for every other status, for a redirect without TLS, and for a body over the limit.
pub(super) async fn get_following(
    http: &Http,
    url: &Url,
    limit: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let answer = http.get_following(url).await;
    let response = answer.map_err(|error| match error {
        FollowError::Http(error) => Error::Http(error),
        error => failed(url, error.to_string()),
    })?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        StatusCode::OK => read(http, url, response, limit).await.map(Some),
        status => Err(failed(url, format!("it responded with {status}"))),
    }
}

/// Posts a JSON document and returns the body of the response.
///
/// # Errors
/// [`Error::Remote`].
pub(super) async fn post(
    http: &Http,
    url: &Url,
    body: String,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let response = send(http, url, Some(body)).await?;
    match response.status() {
        status if status.is_success() => read(http, url, response, limit).await,
        status => Err(failed(url, format!("it responded with {status}"))),
    }
}

async fn send(http: &Http, url: &Url, body: Option<String>) -> Result<Response, Error> {
    let client = http.client(url, Traffic::Small)?;
    let (method, request, sent) = match body {
        None => (Method::GET, client.get(url.clone()), Sent::default()),
        Some(body) => {
            let (body, sent) = http::upload(body.into());
            let request = client
                .request(Method::POST, url.clone())
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
            (Method::POST, request, sent)
        }
    };
    let answer = http.send(request, &method, url, sent).await;
    answer.map_err(|error| failed(url, error.to_string()))
}

async fn read(http: &Http, url: &Url, response: Response, limit: u64) -> Result<Vec<u8>, Error> {
    let read = Pace::new(http.waits()).whole(response, limit, url).await;
    read.map_err(|error| failed(url, error.to_string()))
}

fn failed(url: &Url, reason: String) -> Error {
    let mut url = url.clone();
    url.set_query(None);
    Error::Remote {
        url: url.to_string(),
        reason,
    }
}
