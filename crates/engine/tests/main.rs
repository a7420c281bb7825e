//! The engine against a whole local Azure and a real database.

mod accounts;
mod annotating;
mod audit;
mod azure_world;
mod credentials;
mod export;
mod foreign_blobs;
mod isolation;
mod labeling;
mod links;
mod refusals;
mod resolve;
mod serve;
mod storages;
mod sync_files;
mod sync_tasks;
mod task_lists;
mod thumbnails;
mod worker;
mod world;
