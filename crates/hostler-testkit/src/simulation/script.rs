//! What clients ask for: every operation, and UpdateEndpoint with every kind of DeploymentConfig.

use serde_json::{Value, json};

use super::calls::Call;
use super::dice::Dice;
use super::stage::TYPES;

const ENDPOINTS: [&str; 3] = ["e0", "e1", "e2"];
const CONFIGS: [&str; 5] = ["c0", "c1", "c2", "c3", "c4"];
/// What each model is like stands in the name of its data; every other one has three containers.
const MODELS: [(&str, &str); 6] = [
    ("m0", "good"),
    ("m1", "good"),
    ("m2", "crashing"),
    ("m3", "missing"),
    ("m4", "silent"),
    ("m5", "unsupported"),
];
const VARIANTS: [&str; 2] = ["a", "b"];
const IMAGE: &str = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1";

/// The models and configs that are there at the beginning.
pub(super) fn first_calls(dice: &mut Dice) -> Vec<Call> {
    let models = (0..MODELS.len()).map(create_model);
    let mut calls: Vec<Call> = models.collect();
    calls.extend(CONFIGS.iter().map(|name| create_config(dice, name)));
    calls
}

/// Any call.
pub(super) fn any_call(dice: &mut Dice) -> Call {
    let name = ENDPOINTS[dice.weighted(&[6, 5, 1])];
    let config = *dice.pick(&CONFIGS).unwrap_or(&"c0");
    match dice.weighted(&[24, 30, 14, 7, 2, 4, 1, 2, 6, 3, 1]) {
        0 => {
            let mut input = json!({ "EndpointName": name, "EndpointConfigName": config });
            if dice.permille(200) {
                input["DeploymentConfig"] = deployment_config(dice);
            }
            Call { operation: "CreateEndpoint", input }
        }
        1 => update_endpoint(dice, name, config),
        2 => scale(dice, name),
        3 => Call { operation: "DeleteEndpoint", input: json!({ "EndpointName": name }) },
        4 => Call { operation: "DeleteEndpointConfig", input: json!({ "EndpointConfigName": config }) },
        5 => create_config(dice, config),
        6 => {
            let (model, _) = MODELS[dice.below(2) as usize];
            Call { operation: "DeleteModel", input: json!({ "ModelName": model }) }
        }
        7 => create_model(dice.below(MODELS.len() as u64) as usize),
        8 => Call { operation: "DescribeEndpoint", input: json!({ "EndpointName": name }) },
        9 => Call { operation: "ListEndpoints", input: json!({ "SortBy": "Name" }) },
        _ => Call { operation: "DescribeEndpointConfig", input: json!({ "EndpointConfigName": config }) },
    }
}

fn create_model(at: usize) -> Call {
    let (name, data) = MODELS[at];
    let (url, plain) = (format!("s3://b/{data}/model.tar.gz"), json!({ "Image": IMAGE }));
    let mut input = json!({ "ModelName": name, "ExecutionRoleArn": "arn:aws:iam::000000000000:role/r" });
    let telling = json!({ "Image": IMAGE, "ModelDataUrl": url });
    if at % 2 == 1 {
        input["Containers"] = json!([plain, telling, plain]);
    } else {
        input["PrimaryContainer"] = telling;
    }
    Call { operation: "CreateModel", input }
}

fn create_config(dice: &mut Dice, name: &str) -> Call {
    let count = dice.between(1, 2) as usize;
    let variants: Vec<Value> = VARIANTS[..count]
        .iter()
        .map(|variant| {
            let is_good = dice.permille(780);
            let model = if is_good { dice.below(2) } else { dice.between(2, MODELS.len() as u64 - 1) };
            json!({
                "VariantName": variant,
                "ModelName": MODELS[model as usize].0,
                "InstanceType": TYPES[dice.below(2) as usize].0,
                "InitialInstanceCount": dice.between(1, 5).min(4),
                "InitialVariantWeight": dice.below(4),
                "ContainerStartupHealthCheckTimeoutInSeconds": 60,
            })
        })
        .collect();
    let input = json!({ "EndpointConfigName": name, "ProductionVariants": variants });
    Call { operation: "CreateEndpointConfig", input }
}

fn update_endpoint(dice: &mut Dice, name: &str, config: &str) -> Call {
    let mut input = json!({ "EndpointName": name, "EndpointConfigName": config });
    if dice.permille(700) {
        input["DeploymentConfig"] = deployment_config(dice);
    }
    if dice.permille(300) {
        input["RetainAllVariantProperties"] = json!(true);
        if dice.permille(400) {
            let property = dice.pick(&["DesiredInstanceCount", "DesiredWeight"]).copied();
            input["ExcludeRetainedVariantProperties"] = json!([{ "VariantPropertyType": property }]);
        }
    }
    if dice.permille(300) {
        input["RetainDeploymentConfig"] = json!(true);
    }
    Call { operation: "UpdateEndpoint", input }
}

fn scale(dice: &mut Dice, name: &str) -> Call {
    let count = dice.between(1, 2) as usize;
    let desired: Vec<Value> = VARIANTS[..count]
        .iter()
        .map(|variant| {
            let mut entry = json!({ "VariantName": variant });
            if dice.permille(700) {
                entry["DesiredInstanceCount"] = json!(dice.between(1, 5));
            }
            if dice.permille(600) {
                entry["DesiredWeight"] = json!(dice.below(4));
            }
            entry
        })
        .collect();
    let input = json!({ "EndpointName": name, "DesiredWeightsAndCapacities": desired });
    Call { operation: "UpdateEndpointWeightsAndCapacities", input }
}

/// All at once, canary, linear or rolling; some of them are refused.
fn deployment_config(dice: &mut Dice) -> Value {
    let wait = dice.below(3) * 7;
    let portion = |dice: &mut Dice| {
        // A count is refused where a fleet is small.
        if dice.permille(250) {
            json!({ "Type": "INSTANCE_COUNT", "Value": dice.between(1, 2) })
        } else {
            json!({ "Type": "CAPACITY_PERCENT", "Value": dice.between(10, 50) })
        }
    };
    // Rolling is the way with the most turns.
    let kind = dice.below(5).min(3);
    let mut config = if kind == 3 {
        let mut policy = json!({ "MaximumBatchSize": portion(dice), "WaitIntervalInSeconds": wait });
        if dice.permille(500) {
            policy["RollbackMaximumBatchSize"] = portion(dice);
        }
        if dice.permille(400) {
            policy["MaximumExecutionTimeoutInSeconds"] = json!(600);
        }
        json!({ "RollingUpdatePolicy": policy })
    } else {
        let mut traffic = json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": wait });
        match kind {
            1 => {
                traffic["Type"] = json!("CANARY");
                traffic["CanarySize"] = portion(dice);
            }
            2 => {
                traffic["Type"] = json!("LINEAR");
                traffic["LinearStepSize"] = portion(dice);
            }
            _ => {}
        }
        let mut policy = json!({ "TrafficRoutingConfiguration": traffic });
        if dice.permille(500) {
            policy["TerminationWaitInSeconds"] = json!(dice.below(20));
        }
        if dice.permille(400) {
            policy["MaximumExecutionTimeoutInSeconds"] = json!(600);
        }
        json!({ "BlueGreenUpdatePolicy": policy })
    };
    if dice.permille(150) {
        config["AutoRollbackConfiguration"] = json!({ "Alarms": [{ "AlarmName": "errors" }] });
    }
    config
}
