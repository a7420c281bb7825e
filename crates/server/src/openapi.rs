//! The OpenAPI document, made from the route table and the handlers' own types.

use std::sync::Arc;

use model::Permission;
use utoipa::{
    ToSchema,
    openapi::{
        Components, Content, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr,
        Required, Response, Schema,
        extensions::Extensions,
        path::{
            Operation as PathOperation, OperationBuilder, Parameter as Documented,
            ParameterBuilder, ParameterIn,
        },
        request_body::RequestBodyBuilder,
        schema::{ArrayBuilder, ObjectBuilder, Type},
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};

use crate::{error::ErrorBody, parameters::Parameter, router::routes};

/// One row of the route table.
pub(crate) struct Operation {
    pub(crate) path: String,
    pub(crate) method: HttpMethod,
    pub(crate) summary: &'static str,
    /// None needs no sign-in.
    pub(crate) permission: Option<Permission>,
    /// What its query may say.
    pub(crate) query: Arc<[Parameter]>,
    pub(crate) request: Option<Shape>,
    pub(crate) status: u16,
    pub(crate) response: Option<Shape>,
}

/// A type's JSON, and the types that it names.
pub(crate) struct Shape {
    schema: RefOr<Schema>,
    components: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    pub(crate) fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut components = vec![(name.clone(), T::schema())];
        T::schemas(&mut components);
        Self {
            schema: Ref::from_schema_name(name).into(),
            components,
        }
    }

    pub(crate) fn list_of<T: ToSchema>() -> Self {
        let Self { schema, components } = Self::of::<T>();
        Self {
            schema: Schema::from(ArrayBuilder::new().items(schema).build()).into(),
            components,
        }
    }
}

impl Operation {
    /// Unique in the document: `get_api_projects_id`.
    pub(crate) fn id(&self) -> String {
        let method = match self.method {
            HttpMethod::Get => "get",
            HttpMethod::Post => "post",
            HttpMethod::Put => "put",
            HttpMethod::Patch => "patch",
            HttpMethod::Delete => "delete",
            _ => "other",
        };
        let path: Vec<&str> = self
            .path
            .split(['/', '{', '}', '.', '-'])
            .filter(|part| !part.is_empty())
            .collect();
        format!("{method}_{}", path.join("_"))
    }

    fn tag(&self) -> &str {
        let mut parts = self.path.split('/').filter(|part| !part.is_empty());
        match parts.next() {
            Some("api") => parts.next().unwrap_or("api"),
            Some("tasks") => "media",
            _ => "service",
        }
    }

    fn parameters(&self) -> Vec<Documented> {
        let path = self.path.split(['{', '}']).skip(1).step_by(2).map(|name| {
            let kind = if name == "id" {
                Type::Integer
            } else {
                Type::String
            };
            in_path(name, kind)
        });
        path.chain(self.query.iter().map(Parameter::document))
            .collect()
    }

    fn document(&self) -> PathOperation {
        let json = |shape: &Shape| Content::new(Some(shape.schema.clone()));
        let mut done = Response::new("Done.");
        if let Some(shape) = &self.response {
            done.content
                .insert("application/json".to_owned(), json(shape).into());
        }
        let mut failed = Response::new("Refused or failed; the body says why.");
        failed.content.insert(
            "application/json".to_owned(),
            Content::new(Some(Ref::from_schema_name(ErrorBody::name()))).into(),
        );
        let request = self.request.as_ref().map(|shape| {
            RequestBodyBuilder::new()
                .content("application/json", json(shape))
                .content("application/x-www-form-urlencoded", json(shape))
                .build()
        });
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id()))
            .summary(Some(self.summary))
            .tag(self.tag())
            .parameters(Some(self.parameters()))
            .request_body(request)
            .response(self.status.to_string(), done)
            .response("default", failed);
        if let Some(permission) = self.permission {
            operation = operation.extensions(Some(
                Extensions::builder()
                    .add("x-permission", permission.as_str())
                    .build(),
            ));
            let no_scopes: [&str; 0] = [];
            for scheme in ["Token", "Bearer", "Session"] {
                operation = operation.security(SecurityRequirement::new(scheme, no_scopes));
            }
        }
        operation.build()
    }
}

fn in_path(name: &str, kind: Type) -> Documented {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
        .build()
}

/// The document of this version's API.
pub fn document() -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let error = Shape::of::<ErrorBody>();
    for operation in routes().operations {
        paths.add_path_operation(
            &operation.path,
            vec![operation.method.clone()],
            operation.document(),
        );
        for shape in [operation.request, operation.response]
            .into_iter()
            .flatten()
        {
            components.schemas.extend(shape.components);
        }
    }
    components.schemas.extend(error.components);
    components.add_security_scheme(
        "Token",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "Authorization",
            "`Token ` and a legacy token",
        ))),
    );
    components.add_security_scheme(
        "Bearer",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    components.add_security_scheme(
        "Session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(
            crate::cookies::Cookie::Session.plain_name(),
        ))),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Longshore")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Label Studio's API over Azure Blob Storage. Every path answers with and without a trailing slash.",
                ))
                .build(),
        )
        .paths(paths)
        .components(Some(components))
        .build()
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn every_reference_leads_somewhere() {
        let text = serde_json::to_string(&document()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let references: Vec<&str> = text
            .split("\"#/components/schemas/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(references.len() > 20);
        for name in references {
            assert!(value["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
