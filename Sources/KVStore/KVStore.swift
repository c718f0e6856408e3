import GRDB
import NIOHTTP1
import Collections
import ServiceLifecycle
