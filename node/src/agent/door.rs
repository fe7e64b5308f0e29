//! A turn's way to the daemon: one HTTP request over its Unix socket.
