/// The sender of a request.
enum Requester: Equatable, Sendable {
  /// No credentials.
  case guest
  /// The credentials of this user.
  case user(KeyName)
  /// Wrong credentials, which do not give a guest's rights.
  case unknown
}
