// A VFS of SQLite that makes one write to the system of many that follow each other.

#pragma once

namespace synth::core {

/// The name of a VFS over the default one, to open a database with that one connection writes. A commit writes each of
/// its pages to the log in two pieces, and a checkpoint page after page into the database: what is behind what was
/// written last waits in memory, at most 120 KB a file, until the file is read, synced, cut, closed or written
/// elsewhere. What SQLite is told to be synced is synced, in the same order; an error of a write is that of the call
/// that ends the wait. Null when SQLite has no memory for it.
const char* gathering_vfs();

}  // namespace synth::core
