<<<<<<< HEAD
//! The pure node: `handle(input, now) -> effects`. It decides what becomes durable, what is said to whom, which turn
//! runs; it never reads a clock, a random source, a file or a socket. In reading order: `input`, `request` and `info` (the
//! two doors), `rows`
//! (what is stored), `export_plan` (what the git export shows).

pub mod export_plan;
pub mod info;
pub mod input;
pub mod request;
pub mod rows;
=======
//! The pure node: inputs in, effects out.

pub mod export_meta;
pub mod export_text;
>>>>>>> git
