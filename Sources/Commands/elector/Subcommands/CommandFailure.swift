/// Why a command failed.
struct CommandFailure: Error, CustomStringConvertible { var description: String }
