//! The server over a real engine, database and local Azure, compared with what Label Studio
//! 1.23.2 answered to the same requests (`label-studio-http.jsonl`).

mod behaviour;
mod browsers;
mod limits;
mod lists;
mod recorded;
mod world;
mod written_back;
