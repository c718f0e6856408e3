import Yams
import Hummingbird
