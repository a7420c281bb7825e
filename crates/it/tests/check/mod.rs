//! The access check against seeded misconfigurations: it names the cause that was seeded and no
//! other, and what it prints as the fix is the fix.

mod azure_links;
mod case;
mod causes;
mod contents;
mod cors;
mod identities;
mod lab;
mod network;
mod outputs;
mod permissions;
mod sas;
mod secrets;
mod service_principals;
mod targets;
