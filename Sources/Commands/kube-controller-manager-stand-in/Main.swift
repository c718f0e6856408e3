import StandIns

@main struct Main {
  static func main() async { await ControllerManagerCommand.runProgram() }
}
