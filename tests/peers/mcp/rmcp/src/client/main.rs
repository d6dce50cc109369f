//! The driver of the client in the official Rust SDK. Plan and transcript are those of
//! `clients/common.py`.

// The older era's features are what is asked of it here.
#![allow(deprecated)]

use std::{io::Read, process::Stdio, time::Duration};

use rmcp::{
    ClientLifecycleMode, ClientServiceExt, ErrorData, RoleClient,
    model::*,
    service::{PeerRequestOptions, RunningService, ServiceError, Subscription},
    transport::{
        StreamableHttpClientTransport, TokioChildProcess,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

mod recorder;
use recorder::{Recorder, made};

const STEP: Duration = Duration::from_secs(30);

type Client = RunningService<RoleClient, &'static Recorder>;

/// How a step can end without a result.
enum Miss {
    Unsupported(&'static str),
    Error(ErrorData),
    Failure(String),
}

impl From<ServiceError> for Miss {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => Self::Error(error),
            other => Self::Failure(other.to_string()),
        }
    }
}

impl From<ErrorData> for Miss {
    fn from(error: ErrorData) -> Self {
        Self::Failure(error.to_string())
    }
}

/// The client with what the steps leave for one another.
struct Driver {
    client: Client,
    recorder: &'static Recorder,
    /// Ends the task that listens.
    listening: Option<oneshot::Sender<()>>,
}

/// The part of a step that the protocol has under the same names.
fn params(step: &Value, names: &[(&str, &str)]) -> Value {
    names
        .iter()
        .filter(|(from, _)| !step[*from].is_null())
        .map(|(from, to)| ((*to).to_owned(), step[*from].clone()))
        .collect()
}

fn json_of(result: impl serde::Serialize) -> Result<Value, Miss> {
    serde_json::to_value(result).map_err(|error| Miss::Failure(error.to_string()))
}

impl Driver {
    fn is_modern(&self) -> bool {
        self.client
            .peer_info()
            .is_some_and(|info| info.protocol_version >= ProtocolVersion::V_2026_07_28)
    }

    async fn run(&mut self, step: &Value) -> Result<Value, Miss> {
        match step["do"].as_str().unwrap_or_default() {
            "connect" => self.connect(),
            "settle" => Ok(Value::Null),
            "ping" => json_of(
                self.client
                    .send_request(ClientRequest::PingRequest(PingRequest::default()))
                    .await?,
            ),
            "discover" if self.is_modern() => {
                json_of(self.client.discover(RequestMetaObject::new()).await?)
            }
            "list" => self.list(&step["what"]).await,
            "call" => self.call(step).await,
            "cancel" => self.cancel(step).await,
            "prompt" => {
                let asked = params(step, &[("prompt", "name"), ("arguments", "arguments")]);
                json_of(self.client.get_prompt(made(asked)?).await?)
            }
            "read" => json_of(
                self.client
                    .read_resource(made(params(step, &[("uri", "uri")]))?)
                    .await?,
            ),
            "complete" => self.complete(step).await,
            "level" => json_of(
                self.client
                    .set_level(made(params(step, &[("level", "level")]))?)
                    .await?,
            ),
            "watch" => self.watch(step).await,
            "unwatch" => self.unwatch(step).await,
            "roots" if !self.is_modern() => {
                self.recorder.set_roots(&step["uris"]);
                json_of(self.client.notify_roots_list_changed().await?)
            }
            _ => Err(Miss::Unsupported(
                "this client, or this era, has no means for it",
            )),
        }
    }

    fn connect(&self) -> Result<Value, Miss> {
        let info = self.client.peer_info();
        let info = json_of(info.as_deref())?;
        Ok(json!({
            "version": info["protocolVersion"],
            "server": info["serverInfo"],
            "capabilities": info["capabilities"],
            "instructions": info["instructions"],
        }))
    }

    async fn list(&self, what: &Value) -> Result<Value, Miss> {
        let field = what.as_str().unwrap_or_default();
        let (mut pages, mut items, mut rest) = (0, Vec::new(), Vec::new());
        let mut cursor = Value::Null;
        loop {
            let page = made(json!({ "cursor": cursor }))?;
            let mut page = match field {
                "tools" => json_of(self.client.list_tools(page).await?)?,
                "prompts" => json_of(self.client.list_prompts(page).await?)?,
                "resources" => json_of(self.client.list_resources(page).await?)?,
                _ => json_of(self.client.list_resource_templates(page).await?)?,
            };
            pages += 1;
            if let Some(map) = page.as_object_mut() {
                items.extend(
                    map.remove(field)
                        .and_then(|all| all.as_array().cloned())
                        .unwrap_or_default(),
                );
                cursor = map.remove("nextCursor").unwrap_or_default();
            }
            rest.push(page);
            if cursor.is_null() {
                return Ok(json!({ "pages": pages, "items": items, "rest": rest }));
            }
        }
    }

    fn asked(&self, step: &Value) -> Result<CallToolRequestParams, Miss> {
        let mut asked = params(step, &[("tool", "name"), ("arguments", "arguments")]);
        if self.is_modern() && !step["level"].is_null() {
            asked["_meta"] = json!({ "io.modelcontextprotocol/logLevel": step["level"] });
        }
        Ok(made(asked)?)
    }

    async fn call(&self, step: &Value) -> Result<Value, Miss> {
        json_of(self.client.call_tool(self.asked(step)?).await?)
    }

    /// Calls until the first progress, then cancels.
    async fn cancel(&self, step: &Value) -> Result<Value, Miss> {
        let start = self.recorder.count();
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(self.asked(step)?));
        let sent = self
            .client
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await?;
        self.recorder.until(start, &["progress".to_owned()]).await;
        sent.cancel(Some("enough".to_owned())).await?;
        Ok(json!("cancelled"))
    }

    async fn complete(&self, step: &Value) -> Result<Value, Miss> {
        let reference = match &step["prompt"] {
            Value::Null => json!({ "type": "ref/resource", "uri": step["template"] }),
            name => json!({ "type": "ref/prompt", "name": name }),
        };
        let argument = json!({ "name": step["argument"], "value": step["value"] });
        json_of(
            self.client
                .complete(made(json!({ "ref": reference, "argument": argument }))?)
                .await?,
        )
    }

    /// Subscriptions in either era.
    async fn watch(&mut self, step: &Value) -> Result<Value, Miss> {
        if !self.is_modern() {
            return match &step["uri"] {
                Value::Null => Ok(Value::Null),
                uri => json_of(self.client.subscribe(made(json!({ "uri": uri }))?).await?),
            };
        }
        let mut filter = json!({});
        if step["tools"] == true {
            filter["toolsListChanged"] = json!(true);
        }
        if !step["uri"].is_null() {
            filter["resourceSubscriptions"] = json!([step["uri"]]);
        }
        let subscription = self.client.listen(made(filter)?).await?;
        let honoured = json_of(subscription.acknowledged())?;
        let (stop, stopped) = oneshot::channel();
        self.listening = Some(stop);
        tokio::spawn(listen(subscription, stopped, self.recorder));
        Ok(json!({ "honoured": honoured }))
    }

    async fn unwatch(&mut self, step: &Value) -> Result<Value, Miss> {
        if self.is_modern() {
            self.listening = None;
            return Ok(Value::Null);
        }
        match &step["uri"] {
            Value::Null => Ok(Value::Null),
            uri => json_of(
                self.client
                    .unsubscribe(made(json!({ "uri": uri }))?)
                    .await?,
            ),
        }
    }
}

/// Records what a subscription brings, until the other end of `stopped` is dropped.
async fn listen(
    mut subscription: Subscription,
    mut stopped: oneshot::Receiver<()>,
    recorder: &Recorder,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            heard = subscription.next() => match heard {
                Ok(Some(notification)) => {
                    let notification = json!(notification);
                    recorder.add(notification["method"].as_str().unwrap_or_default(), &notification["params"]);
                }
                _ => return,
            },
        }
    }
    // The stream may have ended by itself.
    let _ = subscription.cancel().await;
}

/// One step, as its entry in the transcript.
async fn record(driver: &mut Driver, step: &Value) -> Value {
    // What a session begins with may have come already.
    let start = if step["do"] == "settle" {
        0
    } else {
        driver.recorder.count()
    };
    let known_as = if step["as"].is_null() {
        &step["do"]
    } else {
        &step["as"]
    };
    let mut entry = json!({ "do": step["do"], "as": known_as });
    match tokio::time::timeout(STEP, driver.run(step)).await {
        Ok(Ok(result)) => {
            entry["result"] = result;
            let expect: Vec<String> = made(step["expect"].clone()).unwrap_or_default();
            driver.recorder.until(start, &expect).await;
        }
        Ok(Err(Miss::Unsupported(why))) => entry["unsupported"] = json!(why),
        Ok(Err(Miss::Error(error))) => entry["error"] = json!(error),
        Ok(Err(Miss::Failure(why))) => entry["failure"] = json!(why),
        Err(_) => entry["failure"] = json!("no result in time"),
    }
    entry["events"] = json!(driver.recorder.since(start));
    entry
}

async fn open(plan: &Value, recorder: &'static Recorder) -> Result<Client, String> {
    let target = &plan["target"];
    let lifecycle = match plan["era"].as_str() {
        Some("auto") => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
        _ => ClientLifecycleMode::Initialize,
    };
    let opened = if let Some(url) = target["url"].as_str() {
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.auth_header = target["token"].as_str().map(str::to_owned);
        let transport = StreamableHttpClientTransport::from_config(config);
        recorder.serve_with_lifecycle(transport, lifecycle).await
    } else {
        let mut command =
            tokio::process::Command::new(target["command"].as_str().unwrap_or_default());
        let words = |field: &str| {
            target[field]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        command.args(words("args"));
        for (name, value) in target["env"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap_or_default());
        }
        let spawned = TokioChildProcess::builder(command)
            .stderr(Stdio::null())
            .spawn();
        let (transport, _) = spawned.map_err(|error| error.to_string())?;
        recorder.serve_with_lifecycle(transport, lifecycle).await
    };
    opened.map_err(|error| error.to_string())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let plan: Value = serde_json::from_str(&text)?;
    let recorder: &'static Recorder = Box::leak(Box::new(Recorder::new()));
    recorder.set_roots(&plan["roots"]);
    let mut transcript = Vec::new();
    match open(&plan, recorder).await {
        Ok(client) => {
            let mut driver = Driver {
                client,
                recorder,
                listening: None,
            };
            for step in plan["steps"].as_array().into_iter().flatten() {
                transcript.push(record(&mut driver, step).await);
            }
            driver.client.cancel().await?;
        }
        Err(error) => {
            transcript.push(json!({ "do": "session", "as": "session", "failure": error }))
        }
    }
    println!("{}", Value::Array(transcript));
    Ok(())
}
