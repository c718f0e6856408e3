import Foundation
import Testing

/// What `make dist` packs is what there is: programs, units, names.
@Suite struct PackagingTests {
  private static func text(_ path: String) throws -> String { try #require(Repository.text(path)) }

  private static func words(_ text: Substring) -> Set<String> {
    Set(text.split { $0.isWhitespace || $0 == "\\" }.map(String.init))
  }

  /// The programs of the script that packs them.
  private static func packed() throws -> Set<String> {
    Self.words(
      try #require(try Self.text("packaging/build").firstMatch(of: /\nprograms=\(([^)]*)\)/)).1)
  }

  /// `zweimaster-bench` writes pages of this repository: it belongs to the sources.
  @Test func everyProgramButTheBenchmarksIsPacked() throws {
    let commands = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appending(path: "Sources/Commands").path
    ).filter { !$0.hasPrefix(".") }
    #expect(try Self.packed() == Set(commands).subtracting(["zweimaster-bench"]))
  }

  @Test func whatIsPackedIsBuiltBefore() throws {
    let match = try #require(
      try Self.text("Makefile").firstMatch(of: /\nPACKAGED := ((?:.*\\\n)*.*)/))
    #expect(Self.words(match.1) == (try Self.packed()).union(["WallClock"]))
  }

  /// The script puts /usr/bin in the place of /usr/local/bin.
  @Test(arguments: ["kvstore", "elector@", "elector-clean"])
  func aUnitStartsAProgramOfItsPackage(_ unit: String) throws {
    let text = try Self.text("deploy/\(unit).service")
    let program = try #require(text.firstMatch(of: /\nExecStart=\/usr\/local\/bin\/(\S+)/)).1
    #expect(
      try Self.text("packaging/build").contains(
        "\"$root/usr/bin/\(program)\" 755\ndescribe \"$root\" \(program)\n"))
    #expect(try Self.packed().contains(String(program)))
  }

  /// The package makes the user that the unit names.
  @Test func theStoresUserIsMade() throws {
    let user = try #require(
      try Self.text("deploy/kvstore.service").firstMatch(of: /\nUser=(\S+)\n/)
    ).1
    #expect(try Self.text("packaging/zweimaster-kvstore/sysusers.conf").hasPrefix("u \(user) "))
    #expect(
      try Self.text("packaging/zweimaster-kvstore/postrm").contains("userdel \(user);"))
  }

  @Test(arguments: ["zweimaster", "zweimaster-kvstore", "zweimaster-elector"])
  func aPackageHasItsFoldersName(_ package: String) throws {
    #expect(
      try Self.text("packaging/\(package)/control").hasPrefix("Package: \(package)\n"))
  }

  /// Without it a script goes on after a mistake, and dpkg takes the package for installed.
  @Test func everyScriptOfAPackageEndsAtItsFirstMistake() throws {
    let scripts = ["preinst", "postinst", "prerm", "postrm"].flatMap {
      Repository.files(below: "packaging", ending: "/\($0)")
    }
    #expect(scripts.count == 7)
    for script in scripts {
      let text = try Self.text(script)
      #expect(text.hasPrefix("#!/bin/sh\n") && text.contains("\nset -e\n"), "\(script)")
    }
  }
}
