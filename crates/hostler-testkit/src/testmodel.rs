//! A model server that keeps SageMaker's container contract, and breaks it in the way that a test asks for.
//!
//! Why: updates, healing, streaming and container backends all have to be tried against models that are slow, sick,
//! dying or lying. One small program that starts in milliseconds serves them all, and the request says what happens,
//! so that one running instance serves a whole test. It writes bytes itself instead of using a server library,
//! because no library lets its user lie about lengths or stop in the middle of a chunk.
//! Invariants: a thread per connection, so a command that hangs or sleeps holds up nobody else. A command that is not
//! known is answered with 400, and an unknown `TEST_…` variable ends the start: a misspelled wish is never a pass.
//!
//! Start: `hostler-testmodel [serve] [PORT [MODEL_DIR]]`. Without arguments `SAGEMAKER_BIND_TO_PORT` (or 8080) and
//! `HOSTLER_MODEL_DIR` (or `/opt/ml/model`). `GET /ping` and `POST /invocations`; anything else is 404.
//!
//! # Commands of one invocation
//!
//! As a header `X-Test-Delay-Ms: 100`; through a gateway in `X-Amzn-SageMaker-Custom-Attributes: test: delay_ms=100;
//! status=503`; as a body that begins so: `{"test": {"delay_ms": 100}, "body": "…"}`; for every invocation in the
//! variable `TEST_ANSWER`. Where two say different things, the header wins over the attributes, those over the body,
//! that over the variable. An invocation without commands is an echo.
//!
//! | command | value | what happens |
//! |---|---|---|
//! | `status` | 100 to 999 | the answer's status; 200 otherwise |
//! | `body` | text | the answer's body; the request's own otherwise |
//! | `tell` | `pid`, `all` | the answer is JSON: the process id, or everything it sees (request, environment, files) |
//! | `repeat` | count | the body so many times over |
//! | `interim` | 100 to 199 | a head with this status and nothing else, before the answer |
//! | `content_type` | text | otherwise `Accept` if it names a type, then that of the request |
//! | `header` | `Name: value` | one more header |
//! | `attributes` | text | `X-Amzn-SageMaker-Custom-Attributes` of the answer |
//! | `session` | `keep`, `close` | of a request with a session id: `NEW_SESSION` opens one in this process, and the answer is JSON: `pid`, `session`, `turn`. 404 where this process does not have it. `close` closes it after that |
//! | `expires` | text | what is said of the end of the session that is opened |
//! | `delay_ms` | time | waits before the answer |
//! | `touch`, `until` | path | makes this file; waits before the answer until that file exists |
//! | `chunks` | count | chunked transfer: the body so many times, one chunk each |
//! | `events` | count | `text/event-stream`: the body so many times, one event and one chunk each |
//! | `pause_ms` | time | between chunks, events or repetitions |
//! | `length` | `none`, `+N`, `-N` | no `Content-Length` (ends by closing), or one that is wrong by so much; of chunks the last one's size is wrong. Too long: then closes. Too short: leaves the rest in the connection |
//! | `exit` | code | the process ends |
//! | `signal` | number, `KILL`, `SEGV`, `ABRT`, `TERM`, `STOP` | the process sends itself this signal |
//! | `hang` | `true` | nothing more comes until the client hangs up |
//! | `close` | `true` | the connection is closed |
//! | `at` | `start`, `head`, N | when those four happen: before the answer (if not said), after its head, after N bytes of its body |
//! | `eat_mib` | MiB | takes memory, for good, before the answer |
//! | `spin_ms` | time | uses a CPU before the answer |
//! | `log` | text | a line on standard output |
//! | `ping` | status, `hang` | from now on `/ping` answers so |
//! | `models` | status, `empty` | from now on `GET /models` answers so |
//! | `forget` | `true` | the model that this invocation names is gone, and nobody was told |
//!
//! # Many models
//!
//! With `SAGEMAKER_MULTI_MODEL=true` there are SageMaker's paths for them: `POST /models`, `GET /models` (100 a page),
//! `GET` and `DELETE /models/NAME`, `POST /models/NAME/invoke`, whose commands are an invocation's. A file `load.test` in
//! the directory that is loaded holds the commands of that load as `TEST_ANSWER` has them, such as `delay_ms=3000`,
//! `status=507` or `exit=3`: with a status that is no success nothing is loaded.
//!
//! # Variables at start
//!
//! | variable | value | what happens |
//! |---|---|---|
//! | `TEST_ANSWER` | commands | as above, for every invocation |
//! | `TEST_LISTEN` | address | instead of 127.0.0.1 |
//! | `TEST_START_DELAY_MS` | time | waits before it listens |
//! | `TEST_START_WORDS` | text | a line on standard error |
//! | `TEST_START_EXIT`, `TEST_START_SIGNAL` | code, signal | ends instead of listening |
//! | `TEST_START_HANG` | `true` | never listens |
//! | `TEST_START_EAT_MIB` | MiB | takes memory |
//! | `TEST_EXIT_AFTER_MS` | time | exits with code 7 so long after it listened |
//! | `TEST_CHILD` | `true` | keeps a child in a session of its own that ignores SIGTERM |
//! | `TEST_STOP` | `ignore`, time | SIGTERM is ignored, or ends it so many milliseconds late; at once otherwise |
//! | `TEST_MODELS_ABSENT` | `true` | no paths for many models |
//! | `TEST_MODELS_KEEP` | `true` | to unload a model is 500, and it stays |
//! | `TEST_MODELS_MAX` | count | with so many models a load is 507 |
//! | `TEST_PING` | status, `hang` | of every ping |
//! | `TEST_PING_REFUSE` | count | the first pings are 503 |
//! | `TEST_PING_FILE` | path | pings are 503 until this file exists |
//! | `TEST_PING_SICK_AFTER` | count | after so many invocations pings are 500 |
//! | `TEST_PING_DELAY_MS` | time | before each ping's answer |

mod answer;
mod connection;
mod fate;
mod models;
mod ping;
mod request;
mod server;
mod session;
mod start;
mod tell;
mod wish;

pub use server::run;
