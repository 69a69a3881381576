// A gateway for external-gate in Java ≥ 17, without any library. See README.md beside this file.
//
//   java Host.java --journal charges.journal --secret whsec_… --port 8099
//
// Host is the door (addresses, signatures, shapes), Charges the host's duty, Journal makes it
// durable, Provider is what you replace; StandardWebhooks and Json are what the JDK has not.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The door: addresses, signatures and shapes. */
final class Host {
    private static final int BODY_LIMIT_BYTES = 65_536; // an order has about one kilobyte
    private static final int THREADS = 128; // twice the charges that external-gate sends at once
    private static final String KEY = "[A-Za-z0-9]{1,255}"; // external-gate's keys have 20
    private static final Pattern ONE_CHARGE =
        Pattern.compile("/charges/(" + KEY + ")(/cancel|/refund)?");

    // How often external-gate is told that a charge has settled. It also asks by itself: a
    // notification only makes it ask sooner, so a lost one costs time and nothing else.
    private static final int NOTIFY_TRIES = 5;

    private final Options options;
    private final Provider provider;
    private final Charges charges;
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    // Apart from those that answer: an external-gate that is down must not take these away from it.
    private final ExecutorService background = Executors.newFixedThreadPool(8);
    private final AtomicInteger inFlight = new AtomicInteger();
    private final HttpClient http =
        HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    private Host(Options options) throws IOException {
        this.options = options;
        provider = new PretendProvider(
            Path.of(options.journal() + ".provider"),
            options.providerTimeout(), options.pendingTime());
        charges = new Charges(
            Path.of(options.journal()), provider, this::notifySettled, background);
    }

    public static void main(String[] arguments) throws IOException {
        // Without it every answer waits 40 ms for the client's acknowledgement.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        try {
            new Host(Options.of(arguments)).listen();
        } catch (IllegalArgumentException | IllegalStateException wrong) {
            System.err.println("cannot start: " + wrong.getMessage());
            System.exit(2);
        }
    }

    private void listen() throws IOException {
        var address = new InetSocketAddress(options.host(), options.port());
        HttpServer server = HttpServer.create(address, 0);
        server.createContext("/", this::serve);
        server.setExecutor(threads);
        server.start();
        Runtime.getRuntime().addShutdownHook(new Thread(this::finishWhatWasBegun));
        int port = server.getAddress().getPort();
        String url = "http://" + options.host() + ":" + port + "/charges";
        System.out.println(Json.write(Json.object("listening", url, "port", port)));
    }

    private void serve(HttpExchange exchange) throws IOException {
        inFlight.incrementAndGet();
        try (exchange) {
            Answer answer = new Answer(500, Json.object("status", "error")); // nobody knows
            try {
                byte[] body = exchange.getRequestBody().readNBytes(BODY_LIMIT_BYTES + 1);
                answer = body.length > BODY_LIMIT_BYTES
                    ? new Answer(413, Json.object("status", "too_large"))
                    : answer(exchange, body);
            } catch (RuntimeException error) {
                error.printStackTrace();
            }
            byte[] said = Json.write(answer.said()).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(answer.status(), said.length);
            exchange.getResponseBody().write(said);
        } finally {
            inFlight.decrementAndGet();
        }
    }

    private Answer answer(HttpExchange exchange, byte[] body) {
        String path = exchange.getRequestURI().getRawPath();
        String method = exchange.getRequestMethod();
        if (options.books() && path.equals("/_books")) return new Answer(200, provider.books());
        if (!options.secrets().isEmpty() && !isSigned(exchange, body)) {
            return rejected(401, "the signature is missing, wrong or too old");
        }
        if (path.equals("/charges") && method.equals("POST")) {
            return charge(exchange.getRequestHeaders().getFirst("Idempotency-Key"), body);
        }
        Matcher one = ONE_CHARGE.matcher(path);
        if (one.matches()) {
            String key = one.group(1);
            switch (method + (one.group(2) == null ? "" : one.group(2))) {
                case "GET": return charges.look(key);
                case "POST/cancel": return charges.cancel(key);
                case "POST/refund": return charges.refund(key);
                default: break;
            }
        }
        return new Answer(404, Json.object("status", "not_found")); // "never_seen" is said of keys
    }

    private boolean isSigned(HttpExchange exchange, byte[] body) {
        var headers = exchange.getRequestHeaders();
        return StandardWebhooks.isSigned(
            options.secrets(), headers.getFirst("webhook-id"),
            headers.getFirst("webhook-timestamp"), headers.getFirst("webhook-signature"), body);
    }

    private Answer charge(String idempotencyKey, byte[] body) {
        Map<String, Object> order;
        try {
            order = Json.asObject(Json.read(new String(body, StandardCharsets.UTF_8)));
        } catch (IllegalArgumentException error) {
            return rejected(400, "the body is not a JSON object");
        }
        String wrong = faultOf(order, idempotencyKey);
        if (wrong != null) return rejected(422, wrong);
        return charges.charge((String) order.get("attempt_key"), order, digestOf(body));
    }

    /** Says what is wrong with an order, before its key is taken. Further fields are no fault. */
    private static String faultOf(Map<String, Object> order, String idempotencyKey) {
        if (!(order.get("attempt_key") instanceof String key) || !key.matches(KEY)) {
            return "attempt_key is none";
        }
        if (!key.equals(idempotencyKey)) return "Idempotency-Key is not attempt_key";
        if (!(order.get("amount") instanceof Map<?, ?> amount)) return "amount is missing";
        if (!(amount.get("minor") instanceof Long minor) || minor <= 0) {
            return "amount.minor is none";
        }
        if (!(amount.get("currency") instanceof String code) || !code.matches("[A-Z]{3}")) {
            return "amount.currency is none";
        }
        if (!(order.get("payer") instanceof Map<?, ?> payer)) return "payer is missing";
        if (!(payer.get("customer") instanceof String customer) || customer.isEmpty()) {
            return "payer.customer is none";
        }
        boolean hasMethod = payer.get("payment_method") instanceof String;
        return hasMethod ? null : "payer.payment_method is none";
    }

    /** `rejected` promises: nothing was charged, and nothing will be because of this request. */
    private static Answer rejected(int status, String message) {
        return new Answer(status, Json.object("status", "rejected", "message", message));
    }

    private static String digestOf(byte[] body) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Tells external-gate that a charge has settled. The body says no more: it will ask. */
    private void notifySettled(String key) {
        if (options.notifyUrl().isEmpty()) return;
        String body = Json.write(Json.object("attempt_key", key));
        String id = "note_" + UUID.randomUUID(); // one id for all tries, a new timestamp for each
        try {
            for (int tries = 1; tries <= NOTIFY_TRIES; tries++) {
                if (notifyOnce(id, body)) return;
                Thread.sleep(500L << tries);
            }
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        System.err.println("external-gate could not be told about " + key + "; it asks by itself");
    }

    private boolean notifyOnce(String id, String body) throws InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(options.notifyUrl()))
            .timeout(Duration.ofSeconds(10))
            .header("content-type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body));
        StandardWebhooks.sign(options.secrets().get(0), id, body).forEach(request::header);
        try {
            var got = http.send(request.build(), HttpResponse.BodyHandlers.discarding());
            return got.statusCode() / 100 == 2;
        } catch (IOException error) {
            return false; // not there, or too slow: once more
        }
    }

    /** What is cut off after this is found again from the journal. */
    private void finishWhatWasBegun() {
        try {
            for (int i = 0; i < 1000 && inFlight.get() > 0; i++) Thread.sleep(25);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}

/** One answer over HTTP: an object, or a list of them. */
record Answer(int status, Object said) {}

/** What may be set at start. The first secret signs; all are accepted, while one is changed. */
record Options(
    String journal, String host, int port, List<String> secrets, String notifyUrl, boolean books,
    Duration pendingTime, Duration providerTimeout) {

    private static final Set<String> KNOWN = Set.of(
        "journal", "host", "port", "secret", "notify-url", "pending-seconds", "provider-timeout");

    static Options of(String[] arguments) {
        var given = new LinkedHashMap<String, String>();
        var secrets = new ArrayList<String>();
        boolean books = false;
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i].replaceFirst("^--", "");
            if (name.equals("books")) {
                books = true;
                continue;
            }
            if (!KNOWN.contains(name)) throw wrong("unknown option " + arguments[i]);
            if (i + 1 == arguments.length) throw wrong(arguments[i] + " needs a value");
            String value = arguments[++i];
            if (name.equals("secret")) secrets.add(value);
            else given.put(name, value);
        }
        // Arguments can be read by every user of a machine: in production, name the secret here.
        for (String secret : System.getenv().getOrDefault("HOST_SECRET", "").split(" ")) {
            if (!secret.isEmpty()) secrets.add(secret);
        }
        if (!given.containsKey("journal")) throw wrong("--journal FILE is missing");
        String notifyUrl = given.getOrDefault("notify-url", "");
        if (!notifyUrl.isEmpty() && secrets.isEmpty()) throw wrong("--notify-url needs --secret");
        secrets.forEach(StandardWebhooks::checkSecret);
        return new Options(
            given.get("journal"), given.getOrDefault("host", "127.0.0.1"),
            Integer.parseInt(given.getOrDefault("port", "8099")), // 0 takes a free one
            List.copyOf(secrets), notifyUrl, books,
            seconds(given.getOrDefault("pending-seconds", "60")),
            seconds(given.getOrDefault("provider-timeout", "1")));
    }

    private static Duration seconds(String text) {
        return Duration.ofMillis(Math.round(Double.parseDouble(text) * 1000));
    }

    private static IllegalArgumentException wrong(String what) {
        return new IllegalArgumentException(what);
    }
}

/**
 * The host's duty: one charge per key, whatever arrives, how often, and whenever this process dies.
 *
 * <p>The rule behind every line: what is about to be done is in the journal before it is done, and
 * what was answered is in the journal before it is answered. The last line of a key is what is true
 * of it.
 */
final class Charges {
    // How long after its acceptance a charge that the provider does not know is sent again, by the
    // same key: well inside the time for which your provider recognises an idempotency key (often
    // 24 h), and short enough that nobody is charged for an order of yesterday.
    private static final Duration RESEND_WITHIN = Duration.ofHours(1);

    // The first look at a charge whose end is not known, and the longest pause between two looks.
    private static final long FIRST_LOOK_MILLIS = 200;
    private static final long LONGEST_PAUSE_MILLIS = 60_000;

    // running: the provider was, or is about to be, asked; nobody knows yet what came of it.
    // pending: the provider has it and says that it is not final. refunding: being given back.
    private static final Set<String> OPEN = Set.of("running", "pending", "refunding");
    private static final Set<String> STATUSES = Set.of("succeeded", "declined", "pending");
    private static final Set<String> CAN_BE_STOPPED = Set.of("running", "pending");
    private static final Set<String> TAKEN = Set.of("succeeded", "refunding", "refunded");
    private static final Set<String> FREE_OF_CHARGE = Set.of("declined", "cancelled", "rejected");

    private static final Answer UNDONE = new Answer(200, Json.object("status", "undone"));
    private static final Answer STILL_OPEN = new Answer(200, Json.object("status", "pending"));

    /** One key. Whoever does something to it holds `doing`; who comes meanwhile hears "pending". */
    private static final class Entry {
        final String key;
        final ReentrantLock doing = new ReentrantLock();
        final CompletableFuture<Void> stored = new CompletableFuture<>();
        final AtomicBoolean followed = new AtomicBoolean();
        volatile Map<String, Object> facts;
        volatile boolean unsure;

        Entry(String key, Map<String, Object> facts) {
            this.key = key;
            this.facts = facts;
        }

        String state() {
            return (String) facts.get("state");
        }

        synchronized void add(Map<String, Object> more) {
            var merged = new LinkedHashMap<>(facts);
            merged.putAll(more);
            facts = merged;
        }
    }

    private final ConcurrentHashMap<String, Entry> entries = new ConcurrentHashMap<>();
    private final Provider provider;
    private final Consumer<String> onSettled;
    private final ExecutorService background;
    private final ScheduledExecutorService alarm = Executors.newSingleThreadScheduledExecutor();
    private final Journal journal;

    /** `onSettled` is called with every key that ends later than its first answer. */
    Charges(Path path, Provider provider, Consumer<String> onSettled, ExecutorService background)
        throws IOException {
        this.provider = provider;
        this.onSettled = onSettled;
        this.background = background;
        journal = new Journal(path, this::replay);
        for (Entry entry : entries.values()) {
            if (OPEN.contains(entry.state())) follow(entry, 0);
        }
    }

    /** POST: charge, unless the key was seen before. */
    Answer charge(String key, Map<String, Object> order, String digest) {
        var fresh = new Entry(key, Json.object(
            "state", "running", "accepted_at", System.currentTimeMillis(),
            "digest", digest, "order", order));
        fresh.doing.lock();
        try {
            // One step, look and entry: of twenty at once, one comes past here.
            Entry known = entries.putIfAbsent(key, fresh);
            if (known != null) return repeat(known, digest);
            store(fresh);
            send(fresh);
        } finally {
            fresh.doing.unlock();
        }
        return answerOf(fresh);
    }

    private Answer repeat(Entry known, String digest) {
        known.stored.join();
        // A key that was burnt before any charge came has no digest: every body finds it dead.
        Object first = known.facts.get("digest");
        if (first != null && !first.equals(digest)) {
            String message = "the key was used with another body";
            return new Answer(409, Json.object("status", "conflict", "message", message));
        }
        alone(known, () -> tryAgain(known));
        return answerOf(known);
    }

    /** GET: what became of the key. Never asks the provider: quick, and always honest. */
    Answer look(String key) {
        Entry entry = entries.get(key);
        if (entry == null) {
            return new Answer(404, Json.object("status", "never_seen", "attempt_key", key));
        }
        entry.stored.join();
        return answerOf(entry);
    }

    /** Stops the charge if no money has moved; a key that was never seen is burnt for ever. */
    Answer cancel(String key) {
        var burnt = new Entry(key, Json.object("state", "cancelled"));
        Entry entry = entries.putIfAbsent(key, burnt);
        if (entry == null) {
            store(burnt);
            return UNDONE;
        }
        entry.stored.join();
        // What somebody wants stopped is not sent again by us, whatever becomes of this call.
        if (CAN_BE_STOPPED.contains(entry.state()) && !entry.facts.containsKey("cancel_asked")) {
            save(entry, Json.object("cancel_asked", true));
        }
        alone(entry, () -> stop(entry));
        String state = entry.state();
        if (state.equals("declined") || state.equals("cancelled")) return UNDONE;
        return TAKEN.contains(state) ? tooLate("money was taken") : STILL_OPEN;
    }

    /** Gives the whole charge back, once. */
    Answer refund(String key) {
        Entry entry = entries.get(key);
        if (entry == null) return tooLate("nothing was taken");
        entry.stored.join();
        alone(entry, () -> giveBack(entry));
        String state = entry.state();
        if (state.equals("refunded")) return UNDONE;
        return FREE_OF_CHARGE.contains(state) ? tooLate("nothing was taken") : STILL_OPEN;
    }

    private static Answer tooLate(String message) {
        return new Answer(200, Json.object("status", "too_late", "message", message));
    }

    // Doing it, always under the entry's lock ---------------------------------------------------

    private void send(Entry entry) {
        Provider.Charge found;
        try {
            found = provider.charge(orderOf(entry));
        } catch (Provider.Refused refused) {
            // Only the very first send can be known to have failed: an earlier may have charged.
            if (entry.unsure) {
                follow(entry, FIRST_LOOK_MILLIS);
            } else {
                save(entry, Json.object("state", "rejected", "message", refused.getMessage()));
            }
            return;
        } catch (Exception nobodyKnows) {
            entry.unsure = true;
            follow(entry, FIRST_LOOK_MILLIS);
            return;
        }
        take(entry, found);
        if (OPEN.contains(entry.state())) follow(entry, FIRST_LOOK_MILLIS);
    }

    /** The provider refused *us* last time; if that is mended since, the same key may go on. */
    private void tryAgain(Entry entry) {
        if (!entry.state().equals("rejected") || entry.facts.containsKey("cancel_asked")) return;
        long now = System.currentTimeMillis();
        save(entry, Json.object("state", "running", "accepted_at", now));
        send(entry);
    }

    private void stop(Entry entry) {
        if (entry.state().equals("rejected")) save(entry, Json.object("state", "cancelled"));
        if (!CAN_BE_STOPPED.contains(entry.state())) return;
        boolean cancelled;
        try {
            cancelled = provider.cancel(entry.key);
        } catch (Exception nobodyKnows) {
            return; // external-gate asks again
        }
        if (cancelled) save(entry, Json.object("state", "cancelled"));
        else lookAgain(entry);
    }

    private void giveBack(Entry entry) {
        if (entry.state().equals("succeeded")) save(entry, Json.object("state", "refunding"));
        if (!entry.state().equals("refunding")) return;
        boolean refunded;
        try {
            // The same idempotency key in every repeat, also after a restart.
            refunded = provider.refund(entry.key, "refund-" + entry.key);
        } catch (Exception nobodyKnows) {
            refunded = false;
        }
        if (refunded) save(entry, Json.object("state", "refunded"));
        else follow(entry, FIRST_LOOK_MILLIS);
    }

    // Finding out -------------------------------------------------------------------------------

    /** Asks the provider until the end is known. Its own webhook to you may do the same, sooner. */
    private void follow(Entry entry, long pauseMillis) {
        if (!entry.followed.compareAndSet(false, true)) return;
        Runnable look = () -> {
            entry.followed.set(false);
            if (!OPEN.contains(entry.state())) return;
            alone(entry, () -> lookAgain(entry));
            long next = Math.min(
                Math.max(pauseMillis * 2, FIRST_LOOK_MILLIS), LONGEST_PAUSE_MILLIS);
            if (OPEN.contains(entry.state())) follow(entry, next);
            else onSettled.accept(entry.key);
        };
        alarm.schedule(() -> background.execute(look), pauseMillis, TimeUnit.MILLISECONDS);
    }

    private void lookAgain(Entry entry) {
        if (entry.state().equals("refunding")) giveBack(entry);
        if (!CAN_BE_STOPPED.contains(entry.state())) return;
        Provider.Charge found;
        try {
            found = provider.find(entry.key);
            if (found == null && mayResend(entry)) found = provider.charge(orderOf(entry));
        } catch (Exception nobodyKnows) {
            return;
        }
        if (found != null && !found.status().equals(entry.state())) take(entry, found);
    }

    private static boolean mayResend(Entry entry) {
        long since = System.currentTimeMillis() - (Long) entry.facts.get("accepted_at");
        return entry.state().equals("running") && !entry.facts.containsKey("cancel_asked")
            && since < RESEND_WITHIN.toMillis();
    }

    private void take(Entry entry, Provider.Charge found) {
        // An answer that nobody has mapped says nothing: look again.
        if (!STATUSES.contains(found.status())) return;
        save(entry, Json.object(
            "state", found.status(), "charge_id", found.id(), "amount", found.amount(),
            "decline", found.decline(), "action_url", found.actionUrl()));
    }

    // The records -------------------------------------------------------------------------------

    private void store(Entry entry) {
        journal.append(line(entry.key, entry.facts));
        entry.stored.complete(null);
    }

    private void save(Entry entry, Map<String, Object> more) {
        journal.append(line(entry.key, more));
        entry.add(more);
    }

    private static Map<String, Object> line(String key, Map<String, Object> facts) {
        var line = Json.object("at", Instant.now().toString(), "key", key);
        line.putAll(facts);
        return line;
    }

    private void replay(Map<String, Object> line) {
        String key = (String) line.remove("key");
        line.remove("at");
        Entry entry = entries.computeIfAbsent(key, unseen -> new Entry(unseen, Map.of()));
        entry.add(line);
        entry.stored.complete(null);
        entry.unsure = "running".equals(entry.state()); // we died before its end was written down
    }

    private static void alone(Entry entry, Runnable work) {
        if (!entry.doing.tryLock()) return;
        try {
            work.run();
        } finally {
            entry.doing.unlock();
        }
    }

    /** What the provider is asked for. Nothing here may change between two sends of one key. */
    private static Provider.Order orderOf(Entry entry) {
        Map<String, Object> order = Json.asObject(entry.facts.get("order"));
        Map<String, Object> payer = Json.asObject(order.get("payer"));
        return new Provider.Order(
            entry.key, Json.asObject(order.get("amount")), (String) payer.get("customer"),
            (String) payer.get("payment_method"), String.valueOf(order.get("description")));
    }

    private static Answer answerOf(Entry entry) {
        Map<String, Object> facts = entry.facts;
        var said = Json.object(
            "attempt_key", entry.key, "charge_id", facts.get("charge_id"));
        switch ((String) facts.get("state")) {
            case "succeeded", "refunding", "refunded": // taken once: that was the question
                said.putAll(Json.object("status", "succeeded", "amount", facts.get("amount")));
                return new Answer(200, said);
            case "declined":
                said.putAll(Json.object("status", "declined", "decline", facts.get("decline")));
                return new Answer(200, said);
            case "cancelled":
                var reason = Json.object("kind", "hard", "code", "cancelled");
                said.putAll(Json.object("status", "declined", "decline", reason));
                return new Answer(200, said);
            case "rejected":
                if (entry.doing.isLocked()) break;
                said.putAll(Json.object("status", "rejected", "message", facts.get("message")));
                return new Answer(422, said);
            default:
                break;
        }
        said.putAll(Json.object(
            "status", "pending", "action_url", facts.get("action_url"), "next_poll_seconds", 2));
        return new Answer(200, said);
    }
}

/** An append-only file of JSON lines. `append` comes back when the line is on the disk. */
final class Journal {
    private final FileChannel file;

    /** Opens the file, and gives every line in it to `replay`, the oldest first. */
    Journal(Path path, Consumer<Map<String, Object>> replay) throws IOException {
        file = FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        // Two processes on one journal would each charge. The lock is given back when we die.
        if (file.tryLock() == null) throw new IllegalStateException("another process has " + path);
        byte[] bytes = Channels.newInputStream(file).readAllBytes();
        int start = 0;
        for (int end = 0; end < bytes.length; end++) {
            if (bytes[end] != '\n') continue;
            replay.accept(parsed(bytes, start, end));
            start = end + 1;
        }
        // A last line without its end was being written when we died: nobody acted on it yet.
        file.truncate(start).position(start).force(true);
        Path folder = path.toAbsolutePath().getParent();
        // Makes the name of a new file durable too, where the system can (Windows cannot).
        if (!System.getProperty("os.name").startsWith("Windows")) {
            try (var opened = FileChannel.open(folder, StandardOpenOption.READ)) {
                opened.force(true);
            }
        }
    }

    /** Writes one line through to the disk. */
    synchronized void append(Map<String, Object> line) {
        try {
            var bytes = ByteBuffer.wrap((Json.write(line) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) file.write(bytes);
            file.force(false);
        } catch (IOException error) {
            // After a failed write nobody knows what is on the disk. Stop, answer nobody, and begin
            // again from what is there: a lost answer is asked for again, a lost record is a second
            // charge.
            System.err.println("the journal cannot be written: " + error.getMessage());
            Runtime.getRuntime().halt(1);
        }
    }

    private static Map<String, Object> parsed(byte[] bytes, int start, int end) {
        try {
            var text = new String(bytes, start, end - start, StandardCharsets.UTF_8);
            return Json.asObject(Json.read(text));
        } catch (IllegalArgumentException error) {
            // Never skip a line: behind it may stand a charge that would be made a second time.
            throw new IllegalStateException(
                "the journal is damaged at byte " + start + "; restore it from a copy", error);
        }
    }
}

/** Signing and verifying by the Standard Webhooks scheme, symmetric (v1); see its specification. */
final class StandardWebhooks {
    // How far a timestamp may lie from our clock; what the specification recommends.
    private static final long TOLERANCE_SECONDS = 300;

    private StandardWebhooks() {}

    /** Gives the three headers that go with `body`. */
    static Map<String, String> sign(String secret, String id, String body) {
        String seconds = Long.toString(Instant.now().getEpochSecond());
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        return Map.of(
            "webhook-id", id, "webhook-timestamp", seconds,
            "webhook-signature", signature(secret, id, seconds, bytes));
    }

    /** Tells whether one of `secrets` signed `body`, and lately. */
    static boolean isSigned(
        List<String> secrets, String id, String seconds, String signatures, byte[] body) {
        if (id == null || seconds == null || signatures == null) return false;
        // A full stop in the id would let bytes move between id and timestamp.
        if (id.isEmpty() || id.contains(".") || !seconds.matches("[0-9]{1,11}")) return false;
        long away = Math.abs(Instant.now().getEpochSecond() - Long.parseLong(seconds));
        if (away > TOLERANCE_SECONDS) return false;
        for (String secret : secrets) {
            byte[] expected = signature(secret, id, seconds, body).getBytes(StandardCharsets.UTF_8);
            for (String given : signatures.split(" ")) {
                byte[] one = given.getBytes(StandardCharsets.UTF_8);
                if (MessageDigest.isEqual(one, expected)) return true; // takes the same time always
            }
        }
        return false;
    }

    /** Throws when `secret` is none, so that a wrong one stops the start, not the first charge. */
    static void checkSecret(String secret) {
        try {
            if (keyOf(secret).length > 0) return;
        } catch (IllegalArgumentException notBase64) {
            // said below, without the secret
        }
        throw new IllegalArgumentException("a secret is whsec_ and base64");
    }

    private static byte[] keyOf(String secret) {
        return Base64.getDecoder().decode(secret.replaceFirst("^whsec_", ""));
    }

    private static String signature(String secret, String id, String seconds, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(keyOf(secret), "HmacSHA256"));
            mac.update((id + "." + seconds + ".").getBytes(StandardCharsets.UTF_8));
            return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }
}

/**
 * REPLACE THIS by your provider's SDK: these four calls, and nothing else, are asked of it.
 *
 * <p>`charge` throws {@link Refused} only when it is certain that the provider refused *you* (a
 * wrong API key, an unknown customer) and moved no money. Every other exception means: nobody knows.
 * Switch the SDK's own retries off, and give it a timeout below the `timeout_seconds` of
 * external-gate. Give your provider `order.key` as its idempotency key.
 */
interface Provider {
    record Order(
        String key, Map<String, Object> amount, String customer, String paymentMethod,
        String description) {}

    /** `status`: succeeded, declined or pending; `amount`: what was really taken. */
    record Charge(
        String status, String id, Map<String, Object> amount, Map<String, Object> decline,
        String actionUrl) {}

    final class Refused extends RuntimeException {
        private static final long serialVersionUID = 1;

        Refused(String message) {
            super(message);
        }
    }

    Charge charge(Order order) throws Exception;

    /** Null when the provider has no charge under that key. */
    Charge find(String key) throws Exception;

    /** True: no money moved, and none can any more. False: too late. */
    boolean cancel(String key) throws Exception;

    /** True: it is on its way back. False: not yet; asked again with the same key. */
    boolean refund(String key, String idempotencyKey) throws Exception;

    /** For certification only: one entry for every time that money was taken. */
    List<Map<String, Object>> books();
}

/**
 * A provider whose charges do what their payment method says. It ignores the idempotency key and
 * takes the money twice when it is asked twice, so that a mistake before it shows in its books.
 */
final class PretendProvider implements Provider {
    private static final Map<String, Object> NOBODY =
        Json.object("kind", "hard", "code", "unknown_test_method", "message", "no test method");
    private static final Map<String, Map<String, Object>> DECLINES = Map.of(
        "pm_decline_soft", Json.object(
            "kind", "soft", "code", "insufficient_funds", "message", "not enough money"),
        "pm_decline_hard", Json.object(
            "kind", "hard", "code", "card_lost", "message", "the card was reported lost"),
        "pm_pending_then_declined", Json.object(
            "kind", "hard", "code", "bank_debit_failed", "message", "the bank debit failed"));

    private final Map<String, Map<String, Object>> charges = new LinkedHashMap<>();
    private final FileChannel file;
    private final Duration timeout;
    private final Duration pendingTime;

    /** `path`: its books, which outlive this process as a real provider's would. */
    PretendProvider(Path path, Duration timeout, Duration pendingTime) throws IOException {
        this.timeout = timeout;
        this.pendingTime = pendingTime;
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        for (String line : Files.readAllLines(path)) {
            var charge = Json.asObject(Json.read(line));
            charges.put((String) charge.get("key"), charge);
        }
    }

    @Override
    public Charge charge(Order order) throws Exception {
        String method = order.paymentMethod();
        if (method.equals("pm_misconfigured")) throw new Refused("the API key is wrong");
        if (method.equals("pm_timeout_not_charged") && isFirst(order)) waitForNothing();
        Map<String, Object> charge = book(order);
        if (method.equals("pm_timeout_charged")) waitForNothing();
        if (method.equals("pm_error_500_charged")) throw new IOException("the provider said 500");
        return shown(charge);
    }

    private synchronized boolean isFirst(Order order) throws IOException {
        if (charges.containsKey(order.key())) return false;
        var lost = blank(order.key(), order.amount());
        lost.put("state", "lost"); // the request never arrived
        save(lost);
        return true;
    }

    private synchronized Map<String, Object> book(Order order) throws IOException {
        var charge = new LinkedHashMap<>(
            charges.getOrDefault(order.key(), blank(order.key(), order.amount())));
        if ("cancelled".equals(charge.get("state"))) return charge;
        switch (order.paymentMethod()) {
            case "pm_ok", "pm_timeout_charged", "pm_timeout_not_charged", "pm_error_500_charged":
                capture(charge);
                break;
            case "pm_pending", "pm_pending_then_declined", "pm_action":
                charge.put("state", "pending");
                charge.put("decline", DECLINES.get(order.paymentMethod()));
                if (order.paymentMethod().equals("pm_action")) {
                    charge.put("action_url", "https://bank.example/confirm");
                }
                break;
            default:
                charge.put("state", "declined");
                charge.put("decline", DECLINES.getOrDefault(order.paymentMethod(), NOBODY));
        }
        save(charge);
        return charge;
    }

    @Override
    public synchronized Charge find(String key) throws IOException {
        Map<String, Object> charge = charges.get(key);
        if (charge == null || charge.get("state").equals("lost")) return null;
        long since = System.currentTimeMillis() - (Long) charge.get("since");
        boolean isDue = since >= pendingTime.toMillis() && charge.get("action_url") == null;
        if (charge.get("state").equals("pending") && isDue) {
            if (charge.get("decline") == null) capture(charge);
            else charge.put("state", "declined");
            save(charge);
        }
        return shown(charge);
    }

    @Override
    public synchronized boolean cancel(String key) throws IOException {
        var charge = charges.getOrDefault(key, blank(key, null));
        if (charge.get("state").equals("succeeded")) return false;
        charge.put("state", "cancelled");
        charge.put("decline", Json.object("kind", "hard", "code", "cancelled"));
        save(charge);
        return true;
    }

    @Override
    public synchronized boolean refund(String key, String idempotencyKey) throws IOException {
        var charge = charges.get(key);
        charge.put("refunds", (Long) charge.get("refunds") + 1);
        save(charge);
        return true;
    }

    @Override
    public synchronized List<Map<String, Object>> books() {
        var all = new ArrayList<Map<String, Object>>();
        charges.forEach((key, charge) -> {
            for (long nth = 0; nth < (Long) charge.get("captures"); nth++) {
                var taken = Json.object("attempt_key", key, "charge_id", charge.get("id"));
                taken.putAll(Json.asObject(charge.get("amount")));
                taken.put("refunds", nth == 0 ? charge.get("refunds") : 0L);
                all.add(taken);
            }
        });
        return all;
    }

    private void waitForNothing() throws Exception {
        Thread.sleep(timeout.toMillis());
        throw new IOException("the provider did not answer in time");
    }

    private static void capture(Map<String, Object> charge) {
        charge.put("state", "succeeded");
        charge.put("captures", (Long) charge.get("captures") + 1);
    }

    private void save(Map<String, Object> charge) throws IOException {
        charges.put((String) charge.get("key"), charge);
        var line = (Json.write(charge) + "\n").getBytes(StandardCharsets.UTF_8);
        file.write(ByteBuffer.wrap(line));
        file.force(false);
    }

    private static Map<String, Object> blank(String key, Map<String, Object> amount) {
        return Json.object(
            "key", key, "id", "ch_" + key, "state", "new", "amount", amount,
            "captures", 0L, "refunds", 0L, "since", System.currentTimeMillis());
    }

    private static Charge shown(Map<String, Object> charge) {
        String state = (String) charge.get("state");
        String status = state.equals("cancelled") ? "declined" : state;
        return new Charge(
            status, (String) charge.get("id"), Json.asObject(charge.get("amount")),
            status.equals("declined") ? Json.asObject(charge.get("decline")) : null,
            (String) charge.get("action_url"));
    }
}

/** JSON without a library: objects are maps, whole numbers are Long, all others BigDecimal. */
final class Json {
    private static final int DEEPEST = 32; // an order has three levels
    private static final Pattern NUMBER =
        Pattern.compile("-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?");

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    /** Gives an object of names and values, in turn. */
    static Map<String, Object> object(Object... namesAndValues) {
        var made = new LinkedHashMap<String, Object>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            made.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return made;
    }

    /** Gives the object that a value is; null for null. Throws IllegalArgumentException. */
    @SuppressWarnings("unchecked") // every map of ours comes from here, with names as keys
    static Map<String, Object> asObject(Object value) {
        if (value == null || value instanceof Map) return (Map<String, Object>) value;
        throw new IllegalArgumentException("no JSON object");
    }

    /** Writes a value; fields that are null are left out. */
    static String write(Object value) {
        var out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    /** Reads one value. Throws IllegalArgumentException for everything that is not JSON. */
    static Object read(String text) {
        var reader = new Json(text);
        Object value = reader.value();
        reader.skipSpace();
        if (reader.at < text.length()) throw reader.wrong();
        return value;
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Map<?, ?> fields) {
            out.append('{');
            fields.forEach((name, field) -> {
                if (field == null) return;
                if (out.charAt(out.length() - 1) != '{') out.append(',');
                write(name, out);
                write(field, out.append(':'));
            });
            out.append('}');
        } else if (value instanceof List<?> items) {
            out.append('[');
            for (int i = 0; i < items.size(); i++) {
                write(items.get(i), i == 0 ? out : out.append(','));
            }
            out.append(']');
        } else if (value instanceof String string) {
            quote(string, out);
        } else {
            out.append(value);
        }
    }

    private static void quote(String string, StringBuilder out) {
        out.append('"');
        for (char letter : string.toCharArray()) {
            if (letter == '"' || letter == '\\') out.append('\\').append(letter);
            else if (letter >= ' ' && letter <= '~') out.append(letter);
            else out.append(String.format("\\u%04x", (int) letter));
        }
        out.append('"');
    }

    private Object value() {
        skipSpace();
        if (at >= text.length() || depth > DEEPEST) throw wrong();
        switch (text.charAt(at)) {
            case '{': return fields();
            case '[': return items();
            case '"': return string();
            case 't': return word("true", true);
            case 'f': return word("false", false);
            case 'n': return word("null", null);
            default: return number();
        }
    }

    private Map<String, Object> fields() {
        var fields = new LinkedHashMap<String, Object>();
        depth++;
        at++;
        if (!comes('}')) {
            do {
                skipSpace();
                String name = string();
                if (!comes(':')) throw wrong();
                // Of two values under one name neither is the true one.
                if (fields.containsKey(name)) throw wrong();
                fields.put(name, value());
            } while (comes(','));
            if (!comes('}')) throw wrong();
        }
        depth--;
        return fields;
    }

    private List<Object> items() {
        var items = new ArrayList<Object>();
        depth++;
        at++;
        if (!comes(']')) {
            do items.add(value()); while (comes(','));
            if (!comes(']')) throw wrong();
        }
        depth--;
        return items;
    }

    private String string() {
        if (at >= text.length() || text.charAt(at) != '"') throw wrong();
        var made = new StringBuilder();
        for (at++; at < text.length(); at++) {
            char letter = text.charAt(at);
            if (letter == '"') {
                at++;
                return made.toString();
            }
            if (letter < ' ') throw wrong();
            made.append(letter == '\\' ? escaped() : letter);
        }
        throw wrong();
    }

    private char escaped() {
        at++;
        if (at >= text.length()) throw wrong();
        char letter = text.charAt(at);
        int known = "\"\\/bfnrt".indexOf(letter);
        if (known >= 0) return "\"\\/\b\f\n\r\t".charAt(known);
        if (letter != 'u' || at + 4 >= text.length()) throw wrong();
        String digits = text.substring(at + 1, at + 5);
        if (!digits.matches("[0-9a-fA-F]{4}")) throw wrong();
        at += 4;
        return (char) Integer.parseInt(digits, 16);
    }

    private Object number() {
        Matcher found = NUMBER.matcher(text).region(at, text.length());
        if (!found.lookingAt()) throw wrong();
        at = found.end();
        boolean isWhole = found.group(2) == null && found.group(3) == null;
        return isWhole ? (Object) Long.valueOf(found.group()) : new BigDecimal(found.group());
    }

    private Object word(String word, Object meaning) {
        if (!text.startsWith(word, at)) throw wrong();
        at += word.length();
        return meaning;
    }

    private boolean comes(char letter) {
        skipSpace();
        if (at >= text.length() || text.charAt(at) != letter) return false;
        at++;
        return true;
    }

    private void skipSpace() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON at character " + at);
    }
}
