//! What failures look like on the wire.

use axum::{http::StatusCode, response::IntoResponse};
use engine::{Error, Problem};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::ApiError;

async fn body(error: ApiError) -> (StatusCode, Value) {
    let response = error.into_response();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn an_unknown_id_reads_as_in_label_studio() {
    let (status, body) = body(Error::not_found("project", 7).into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["detail"], "No Project matches the given query.");
    assert_eq!(body["status_code"], 404);
    assert_eq!(body["exc_info"], Value::Null);
    assert!(body.get("validation_errors").is_none());
}

#[tokio::test]
async fn messages_are_grouped_by_field() {
    let fields = match Error::field("prefix", "one") {
        Error::Invalid(mut fields) => {
            let mut second = fields[0].clone();
            second.message = "two".to_owned();
            fields.push(second);
            fields
        }
        other => panic!("{other:?}"),
    };
    let (status, body) = body(ApiError::invalid(fields)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["validation_errors"], json!({"prefix": ["one", "two"]}));
}

#[tokio::test]
async fn an_azure_problem_says_what_to_do() {
    let problem = || Problem {
        code: model::Code::RoleMissing,
        cause: "The identity may not list blobs.".to_owned(),
        fix: engine::Fix::by(
            engine::Who::AzureAdministrator,
            "Grant it Storage Blob Data Reader.",
        ),
        azure: None,
    };
    let (status, served) = body(Error::from(problem()).into()).await;
    assert_eq!(status, StatusCode::FAILED_DEPENDENCY);
    assert_eq!(served["code"], "role_missing");
    assert_eq!(served["fix"], "Grant it Storage Blob Data Reader.");
    let (status, input) = body(ApiError::of_storage_input(problem().into())).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        input["validation_errors"]["non_field_errors"][0],
        "The identity may not list blobs. Grant it Storage Blob Data Reader."
    );
}
