//! All shapes that the implemented operations reach, and who reaches them.
//!
//! Why: the full model has over 3,000 shapes; 250 of them concern hosting, and only these are worth
//! compiling.
//! Invariants: every shape of the closure was checked against what the renderers can express; no
//! shape reaches itself.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

use super::model::{Kind, Reference, Service, Shape};

pub(crate) struct Closure<'a> {
    /// Every reached shape by name.
    pub(crate) shapes: BTreeMap<&'a str, &'a Shape>,
    /// For every structure, the module that holds it.
    pub(crate) modules: BTreeMap<&'a str, &'static str>,
    /// The implemented operations, sorted: name, input and output shape.
    pub(crate) operations: Vec<(&'a str, &'a str, Option<&'a str>)>,
}

impl<'a> Closure<'a> {
    pub(crate) fn of(service: &'a Service, implemented: &[&str]) -> Result<Self> {
        let mut shapes = BTreeMap::new();
        let mut users: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
        let mut operations = Vec::new();
        for name in implemented {
            let (name, operation) = service
                .operations
                .get_key_value(*name)
                .with_context(|| format!("the model has no operation `{name}`"))?;
            let module = module_of(name)?;
            let output = operation.output.as_ref();
            for root in [Some(&operation.input), output].into_iter().flatten() {
                let mut path = Vec::new();
                walk(service, &root.shape, &mut path, &mut |shape_name, shape| {
                    shapes.insert(shape_name, shape);
                    users.entry(shape_name).or_default().insert(module);
                })
                .with_context(|| format!("in the shapes of `{name}`"))?;
            }
            operations.push((
                name.as_str(),
                operation.input.shape.as_str(),
                output.map(|reference| reference.shape.as_str()),
            ));
        }
        operations.sort_unstable();
        for (name, shape) in &shapes {
            check(shape).with_context(|| format!("shape `{name}`"))?;
        }
        let modules = shapes
            .iter()
            .filter(|(_, shape)| shape.kind == Kind::Structure)
            .map(|(name, _)| {
                let used_by = &users[name];
                let mut only = used_by.iter().copied();
                match (only.next(), only.next()) {
                    (Some(module), None) => (*name, module),
                    _ => (*name, "shared"),
                }
            })
            .collect();
        Ok(Self { shapes, modules, operations })
    }
}

/// The resource that an operation belongs to, which names the file of its structures.
fn module_of(operation: &str) -> Result<&'static str> {
    Ok(if operation.contains("Tags") {
        "tags"
    } else if operation.contains("EndpointConfig") {
        "endpoint_config"
    } else if operation.contains("Endpoint") {
        "endpoint"
    } else if operation.contains("Model") {
        "model"
    } else {
        bail!("operation `{operation}` belongs to no known resource; name one in `module_of`")
    })
}

fn walk<'a>(
    service: &'a Service,
    name: &'a str,
    path: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&'a str, &'a Shape),
) -> Result<()> {
    ensure!(
        !path.contains(&name),
        "shape `{name}` reaches itself ({path:?}); the structures would need boxes",
    );
    let shape = service.shape(name)?;
    visit(name, shape);
    path.push(name);
    for reference in references(shape) {
        walk(service, &reference.shape, path, visit)?;
    }
    path.pop();
    Ok(())
}

fn references(shape: &Shape) -> impl Iterator<Item = &Reference> {
    let members = shape.members.iter().map(|(_, reference)| reference);
    members.chain(&shape.member).chain(&shape.key).chain(&shape.value)
}

/// What the renderers and the validator assume of every reached shape.
fn check(shape: &Shape) -> Result<()> {
    ensure!(!shape.union, "unions are not handled");
    ensure!(!shape.event && !shape.eventstream, "event streams are not handled");
    ensure!(shape.payload.is_none(), "payload members are not handled");
    for reference in references(shape) {
        ensure!(!reference.jsonvalue, "members that hold JSON as text are not handled");
        ensure!(!reference.eventpayload, "event payloads are not handled");
        ensure!(
            reference.location.is_none() && reference.location_name.is_none(),
            "members outside the body, or under another name, are not handled",
        );
    }
    for required in &shape.required {
        ensure!(
            shape.members.iter().any(|(name, _)| name == required),
            "requires `{required}`, which is no member",
        );
    }
    let has_bounds = shape.min.is_some() || shape.max.is_some();
    match shape.kind {
        Kind::Structure => ensure!(!has_bounds, "structures should have no bounds"),
        Kind::List => ensure!(shape.member.is_some(), "a list needs a member"),
        Kind::Map => {
            ensure!(shape.key.is_some() && shape.value.is_some(), "a map needs key and value");
        }
        Kind::String => ensure!(
            shape.values.is_empty() || (shape.pattern.is_none() && !has_bounds),
            "an enum should have neither pattern nor bounds",
        ),
        Kind::Boolean | Kind::Timestamp => ensure!(!has_bounds, "should have no bounds"),
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => {}
        Kind::Blob => bail!("blobs are not handled in JSON bodies"),
    }
    if shape.kind != Kind::String {
        ensure!(shape.pattern.is_none(), "only strings may have a pattern");
        ensure!(shape.values.is_empty(), "only strings may be enums");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A service with one operation, `DeleteModel`, whose input has these shapes around it.
    fn service(shapes: Value) -> Result<Service> {
        let model = json!({
            "metadata": {},
            "operations": { "DeleteModel": {
                "name": "DeleteModel",
                "http": { "method": "POST", "requestUri": "/" },
                "input": { "shape": "Input" },
            } },
            "shapes": shapes,
        });
        Service::parse(model.to_string().as_bytes())
    }

    #[track_caller]
    fn check(shapes: Value, expected: &str) {
        let outcome = service(shapes)
            .and_then(|service| Closure::of(&service, &["DeleteModel"]).map(|found| found.shapes.len()));
        let error = format!("{:#}", outcome.expect_err("the model should be refused"));
        assert!(error.contains(expected), "{error}");
    }

    fn structure(members: Value) -> Value {
        json!({ "type": "structure", "members": members })
    }

    #[test]
    fn a_model_that_keeps_the_assumptions_is_taken() {
        let shapes = json!({
            "Input": structure(json!({ "Name": { "shape": "Name", "documentation": "prose" } })),
            "Name": { "type": "string", "max": 63 },
            "Elsewhere": { "type": "blob" },
        });
        let service = service(shapes).unwrap();
        let closure = Closure::of(&service, &["DeleteModel"]).unwrap();
        assert_eq!(closure.shapes.keys().copied().collect::<Vec<_>>(), ["Input", "Name"]);
        assert_eq!(closure.modules["Input"], "model");
    }

    #[test]
    fn an_unknown_trait_or_type_stops_the_run() {
        check(json!({ "Input": { "type": "structure", "members": {}, "newTrait": true } }), "newTrait");
        check(json!({ "Input": { "type": "document" } }), "document");
        let member = json!({ "Name": { "shape": "Name", "newTrait": 1 } });
        check(json!({ "Input": structure(member) }), "newTrait");
    }

    #[test]
    fn a_shape_that_reaches_itself_stops_the_run() {
        let shapes = json!({
            "Input": structure(json!({ "Children": { "shape": "Inputs" } })),
            "Inputs": { "type": "list", "member": { "shape": "Input" } },
        });
        check(shapes, "reaches itself");
    }

    #[test]
    fn what_the_renderers_cannot_express_stops_the_run() {
        let with = |shape: Value| json!({ "Input": structure(json!({ "Member": { "shape": "Member" } })), "Member": shape });
        check(with(json!({ "type": "blob" })), "blobs are not handled");
        check(with(json!({ "type": "structure", "members": {}, "union": true })), "unions");
        check(with(json!({ "type": "integer", "pattern": "a" })), "only strings");
        check(with(json!({ "type": "boolean", "max": 1 })), "no bounds");
        check(json!({ "Input": { "type": "structure", "required": ["Name"] } }), "which is no member");
        let member = json!({ "Member": { "shape": "Gone" } });
        check(json!({ "Input": structure(member) }), "no shape `Gone`");
    }
}
