//! A server on the official Rust SDK: Streamable HTTP on a free port of 127.0.0.1, in both eras.
//!
//! Prints its URL once it listens, and serves until it is told to stop.

// The older era's features are what is asked of it here.
#![allow(deprecated)]

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    model::*,
    service::{RequestContext, ServiceError, SubscriptionContext},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Value, json};
use tokio::sync::broadcast;

mod catalogue;
use catalogue::{ODD, PIXEL, resources, tools};

const PAGE: usize = 6;
const BIG: u64 = (1 << 63) + 1;

/// What all sessions share.
struct Shared {
    cancelled: Mutex<HashSet<String>>,
    grown: Mutex<bool>,
    watchers: Mutex<HashMap<String, Vec<Peer<RoleServer>>>>,
    news: broadcast::Sender<News>,
}

/// What a `subscriptions/listen` hears of.
#[derive(Clone)]
enum News {
    Tools,
    Resource(String),
}

/// One session, or one request of the newer era.
#[derive(Clone)]
struct Server(Arc<Shared>);

type Answer = Result<CallToolResponse, ErrorData>;

/// A value of the SDK from its JSON: its types cannot be built by hand.
fn made<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value).map_err(|error| failed(&error))
}

/// A result of the SDK from its JSON.
fn result<T: serde::de::DeserializeOwned>(mut value: Value) -> Result<T, ErrorData> {
    value["resultType"] = json!("complete");
    made(value)
}

fn failed(error: &dyn std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(text: impl Into<String>) -> Answer {
    Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
}

fn structured(value: Value) -> Answer {
    Ok(CallToolResult::structured(value).into())
}

/// The items of one page of a list; the cursor is where the next begins.
fn page(all: Vec<Value>, request: Option<PaginatedRequestParams>, field: &str) -> Value {
    let cursor = request.and_then(|request| request.cursor);
    let start = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let items: Vec<_> = all.iter().skip(start).take(PAGE).collect();
    if start + PAGE < all.len() {
        json!({ field: items, "nextCursor": (start + PAGE).to_string() })
    } else {
        json!({ field: items })
    }
}

/// A call of a tool: what was asked, and by whom.
struct Call<'a> {
    server: &'a Server,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
}

impl Call<'_> {
    fn argument(&self, name: &str) -> Value {
        let arguments = self.request.arguments.as_ref();
        arguments
            .and_then(|all| all.get(name))
            .cloned()
            .unwrap_or_default()
    }

    fn word(&self, name: &str) -> String {
        self.argument(name).as_str().unwrap_or_default().to_owned()
    }

    async fn progress(
        &self,
        done: u64,
        total: u64,
        message: Option<String>,
    ) -> Result<(), ErrorData> {
        let Some(token) = self.context.meta.get_progress_token() else {
            return Ok(());
        };
        let about =
            json!({ "progressToken": token, "progress": done, "total": total, "message": message });
        let sent = self.context.peer.notify_progress(made(about)?).await;
        sent.map_err(|error| failed(&error))
    }

    /// Puts a question to the client: as a request in the older era, by a second round in the newer.
    async fn question(
        &self,
        request: Value,
    ) -> Result<Result<Value, InputRequiredResult>, ErrorData> {
        let modern = self.context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28);
        if modern {
            let answered = self.request.input_responses.as_ref();
            if let Some(answer) = answered.and_then(|all| all.get("question")) {
                return Ok(Ok(answer.clone()));
            }
            let asked = json!({
                "resultType": "input_required",
                "inputRequests": { "question": request },
                "requestState": "st.ate/with+special=chars \"quotes\"\n\u{2028}",
            });
            return made(asked).map(Err);
        }
        let params = request.get("params").cloned().unwrap_or_default();
        let peer = &self.context.peer;
        let answer = match request.get("method").and_then(Value::as_str) {
            Some("sampling/createMessage") => value(peer.create_message(made(params)?).await),
            Some("elicitation/create") => value(peer.create_elicitation(made(params)?).await),
            _ => value(peer.list_roots().await),
        };
        answer.map(Ok)
    }

    async fn slow(&self) -> Answer {
        let steps = self.argument("steps").as_u64().unwrap_or(1);
        for step in 1..=steps {
            tokio::time::sleep(Duration::from_millis(30)).await;
            self.progress(step, steps, Some(format!("step {step}")))
                .await?;
        }
        text(format!("{steps} steps"))
    }

    /// Waits to be cancelled: by a notification, or because nobody waits for the answer any more.
    async fn wait(&self) -> Answer {
        self.progress(1, 2, None).await?;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(20)) => text("nobody came"),
            () = self.context.ct.cancelled() => {
                lock(&self.server.0.cancelled).insert(self.word("key"));
                text("cancelled")
            }
        }
    }

    async fn was_cancelled(&self) -> Answer {
        for _ in 0..60 {
            if lock(&self.server.0.cancelled).contains(&self.word("key")) {
                return text("true");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        text("false")
    }

    async fn tell(&self) -> Answer {
        for (level, data) in [
            ("debug", json!({ "at": "debug" })),
            ("info", json!("at info")),
            ("error", json!(["at", "error"])),
        ] {
            let about = json!({ "level": level, "logger": "tell", "data": data });
            let sent = self.context.peer.notify_logging_message(made(about)?).await;
            sent.map_err(|error| failed(&error))?;
        }
        text("told")
    }

    async fn ask(&self) -> Answer {
        let schema = json!({ "type": "object", "properties": { "colour": { "type": "string" } }, "required": ["colour"] });
        let params =
            json!({ "mode": "form", "message": "Which colour?", "requestedSchema": schema });
        match self
            .question(json!({ "method": "elicitation/create", "params": params }))
            .await?
        {
            Ok(answer) => text(format!("the user likes {}", answer["content"]["colour"])),
            Err(asked) => Ok(asked.into()),
        }
    }

    async fn think(&self) -> Answer {
        let content = json!({ "type": "text", "text": self.word("text") });
        let params =
            json!({ "messages": [{ "role": "user", "content": content }], "maxTokens": 100 });
        match self
            .question(json!({ "method": "sampling/createMessage", "params": params }))
            .await?
        {
            Ok(answer) => text(format!("the model says: {}", answer["content"]["text"])),
            Err(asked) => Ok(asked.into()),
        }
    }

    async fn look(&self) -> Answer {
        match self.question(json!({ "method": "roots/list" })).await? {
            Ok(answer) => text(answer["roots"].to_string()),
            Err(asked) => Ok(asked.into()),
        }
    }

    async fn touch(&self) -> Answer {
        let uri = self.word("uri");
        let watchers = lock(&self.server.0.watchers).get(&uri).cloned();
        for peer in watchers.into_iter().flatten() {
            // A watcher that has gone is nobody's concern.
            let _ = peer
                .notify_resource_updated(made(json!({ "uri": uri }))?)
                .await;
        }
        let _ = self.server.0.news.send(News::Resource(uri));
        text("touched")
    }

    async fn grow(&self, grown: bool) -> Answer {
        *lock(&self.server.0.grown) = grown;
        let _ = self.server.0.news.send(News::Tools);
        if self.context.protocol_version() < Some(ProtocolVersion::V_2026_07_28) {
            let _ = self.context.peer.notify_tool_list_changed().await;
        }
        text(if grown { "grown" } else { "shrunk" })
    }
}

/// A peer's answer as JSON, its refusal as an error.
fn value<T: serde::Serialize>(answer: Result<T, ServiceError>) -> Result<Value, ErrorData> {
    let answer = answer.map_err(|error| failed(&error))?;
    serde_json::to_value(answer).map_err(|error| failed(&error))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_logging()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("rmcp-rs", "1"))
            .with_instructions("Ask for anything.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&[ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25])
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        result(page(tools(*lock(&self.0.grown)), request, "tools"))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Answer {
        let call = Call {
            server: self,
            request,
            context,
        };
        match &*call.request.name {
            "echo" => text(call.word("text")),
            "add" => {
                let of = |name| call.argument(name).as_i64().unwrap_or_default();
                structured(json!({ "sum": of("a") + of("b") }))
            }
            "big" => structured(json!({ "number": BIG, "given": call.argument("number") })),
            "odd" => text(ODD),
            "image" => {
                Ok(CallToolResult::success(vec![ContentBlock::image(PIXEL, "image/png")]).into())
            }
            "fail" => Ok(CallToolResult::error(vec![ContentBlock::text(call.word("text"))]).into()),
            "slow" => call.slow().await,
            "wait" => call.wait().await,
            "was_cancelled" => call.was_cancelled().await,
            "tell" => call.tell().await,
            "ask" => call.ask().await,
            "think" => call.think().await,
            "look" => call.look().await,
            "touch" => call.touch().await,
            "grow" => call.grow(true).await,
            "shrink" => call.grow(false).await,
            "secret" => text("secret"),
            other => Err(ErrorData::invalid_params(
                format!("no tool is called {other}"),
                None,
            )),
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts = vec![
            json!({ "name": "greet", "description": "Greets.", "arguments": [{ "name": "name", "required": true }] }),
            json!({ "name": "plain" }),
        ];
        result(page(prompts, request, "prompts"))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let name = request
            .arguments
            .as_ref()
            .and_then(|all| all.get("name"))
            .cloned();
        let said = json!({ "type": "text", "text": format!("Say hello to {}.", name.unwrap_or_default()) });
        let prompt: GetPromptResult =
            result(json!({ "messages": [{ "role": "user", "content": said }] }))?;
        Ok(prompt.into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        result(page(resources(), request, "resources"))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let about = json!({ "name": "about", "uriTemplate": "note://about/{topic}" });
        result(page(vec![about], request, "resourceTemplates"))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri.as_str();
        let content = match uri {
            "note://one" => json!({ "uri": uri, "mimeType": "text/plain", "text": ODD }),
            "note://pixel" => json!({ "uri": uri, "mimeType": "image/png", "blob": PIXEL }),
            _ if uri.starts_with("note://about/") => json!({ "uri": uri, "text": uri }),
            _ => return Err(ErrorData::resource_not_found(uri.to_owned(), None)),
        };
        let read: ReadResourceResult = result(json!({ "contents": [content] }))?;
        Ok(read.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let begun = &request.argument.value;
        let names: Vec<_> = ["Ada", "Alan", "Grace"]
            .iter()
            .filter(|name| name.starts_with(begun))
            .collect();
        result(json!({ "completion": { "values": names, "total": names.len(), "hasMore": false } }))
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        lock(&self.0.watchers)
            .entry(request.uri)
            .or_default()
            .push(context.peer);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        lock(&self.0.watchers).remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut news = self.0.news.subscribe();
        loop {
            let sent = tokio::select! {
                () = context.cancelled() => return Ok(()),
                one = news.recv() => match one {
                    Ok(News::Tools) => context.sink().notify_tool_list_changed().await,
                    Ok(News::Resource(uri)) => context.sink().notify_resource_updated(uri).await,
                    Err(_) => return Ok(()),
                },
            };
            // What the filter leaves out is not an error of the stream.
            let _ = sent;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let shared = Arc::new(Shared {
        cancelled: Mutex::default(),
        grown: Mutex::default(),
        watchers: Mutex::default(),
        news: broadcast::channel(16).0,
    });
    let service: StreamableHttpService<Server, LocalSessionManager> = StreamableHttpService::new(
        move || Ok(Server(shared.clone())),
        Arc::default(),
        StreamableHttpServerConfig::default().with_legacy_session_mode(true),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    axum::serve(listener, axum::Router::new().nest_service("/mcp", service)).await
}
