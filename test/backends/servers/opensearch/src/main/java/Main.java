import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** One OpenSearch node on loopback, out of the libraries: usage: Main HTTP_PORT FOLDER [SETTING=VALUE ...] */
public class Main {
  /** A node's constructor that takes plugins is not public. */
  static class PluggedNode extends Node {
    PluggedNode(Environment environment) {
      super(environment, List.of(Netty4Plugin.class), false);
    }
  }

  public static void main(String[] args) throws Exception {
    String folder = args[1];
    Path config = Files.createDirectories(Path.of(folder, "config"));
    Settings.Builder settings =
        Settings.builder()
            .put("path.home", folder)
            .put("path.data", folder + "/data")
            .put("network.host", "127.0.0.1")
            .put("http.port", args[0])
            // Whichever is free: nobody else joins.
            .put("transport.port", "0")
            .put("discovery.type", "single-node")
            .put("cluster.name", "spoor")
            .put("node.name", "spoor")
            // A disk that is nearly full for other reasons would make every index read-only.
            .put("cluster.routing.allocation.disk.threshold_enabled", "false");
    for (int i = 2; i < args.length; i++) {
      String[] setting = args[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    Node node =
        new PluggedNode(
            InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), config, () -> "spoor"));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
    node.start();
    System.out.println("started");
    Thread.currentThread().join();
  }

  private static void close(Node node) {
    try {
      node.close();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
