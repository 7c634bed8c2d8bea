/** Errors as runtimes write them, several lines each. */

import type { Dice } from "./random.ts";

/** A Node.js error of the checkout. */
export function nodeTrace(dice: Dice): string {
  const line = dice.int(40, 180);
  return dice.pick([
    `TypeError: Cannot read properties of undefined (reading 'unitPrice')
    at totalOf (file:///srv/checkout/src/cart/total.js:${line}:31)
    at Array.map (<anonymous>)
    at priceCart (file:///srv/checkout/src/cart/price_cart.js:${line + 9}:22)
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
    at async placeOrder (file:///srv/checkout/src/orders/place_order.js:58:18)
    at async handle (file:///srv/checkout/src/server.js:112:7)`,
    `Error: read ECONNRESET
    at TCP.onStreamRead (node:internal/stream_base_commons:216:20)
    at TCP.callbackTrampoline (node:internal/async_hooks:130:17) {
  errno: -104,
  code: 'ECONNRESET',
  syscall: 'read'
}`,
    `RangeError: Invalid time zone specified: Europe/Atlantis
    at new DateTimeFormat (<anonymous>)
    at deliveryWindow (file:///srv/checkout/src/delivery/window.js:${line}:15)
    at async estimate (file:///srv/checkout/src/delivery/estimate.js:27:10)`,
  ]);
}

/** A Python error of the worker. */
export function pythonTrace(dice: Dice): string {
  const line = dice.int(30, 240);
  return dice.pick([
    `Traceback (most recent call last):
  File "/app/worker/runner.py", line ${line}, in run
    result = job.handler(**job.arguments)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/worker/jobs/resize_image.py", line 47, in resize
    image.load()
OSError: image file is truncated (${dice.int(3, 90)} bytes not processed)`,
    `Traceback (most recent call last):
  File "/app/worker/jobs/import_feed.py", line ${line}, in parse
    price = Decimal(row["preis"].replace(",", "."))
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/worker/runner.py", line 88, in run
    raise JobFailed(job.id) from error
worker.errors.JobFailed: import_feed: row ${dice.int(100, 9000)}: Preis “auf Anfrage” ist keine Zahl`,
  ]);
}

/** A Python error of the search. */
export function searchTrace(dice: Dice): string {
  return `Traceback (most recent call last):
  File "/app/search/suggest.py", line ${dice.int(30, 240)}, in suggest
    terms = tokenizer.split(unicodedata.normalize("NFKC", text))
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/search/tokenizer.py", line 63, in split
    return self._dictionary.lookup(text, limit=8)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
KeyError: '常滑焼'`;
}

/** A Java error of the payments. */
export function javaTrace(dice: Dice): string {
  const line = dice.int(60, 190);
  return `com.example.shop.payments.ProviderTimeoutException: examplepay did not answer within 2000 ms
\tat com.example.shop.payments.ExamplePayClient.charge(ExamplePayClient.java:${line})
\tat com.example.shop.payments.ChargeService.lambda$charge$2(ChargeService.java:${line - 17})
\tat com.example.shop.resilience.Retry.call(Retry.java:44)
\tat com.example.shop.payments.ChargeService.charge(ChargeService.java:${line - 22})
\tat com.example.shop.http.ChargeController.post(ChargeController.java:38)
\tat java.base/java.lang.VirtualThread.run(VirtualThread.java:329)
Caused by: java.net.http.HttpTimeoutException: request timed out
\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:950)
\tat com.example.shop.payments.ExamplePayClient.charge(ExamplePayClient.java:${line - 5})
\t... 5 more`;
}

/** A panic of the gateway. */
export function goPanic(dice: Dice): string {
  const goroutine = dice.int(200, 90_000);
  const address = dice.hex(6);
  return `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x7${address}]

goroutine ${goroutine} [running]:
shop.example/gateway/internal/limiter.(*Bucket).Take(0x0, 0x1)
\t/src/gateway/internal/limiter/bucket.go:${dice.int(30, 99)} +0x1c
shop.example/gateway/internal/proxy.(*Handler).ServeHTTP(0xc000${address}, {0x9f8e40, 0xc0001c2000}, 0xc0003a4000)
\t/src/gateway/internal/proxy/handler.go:${dice.int(90, 180)} +0x2f4
net/http.serverHandler.ServeHTTP({0xc0002d6000?}, {0x9f8e40?, 0xc0001c2000?}, 0x6?)
\t/usr/local/go/src/net/http/server.go:3301 +0x8e
created by net/http.(*Server).Serve in goroutine 1
\t/usr/local/go/src/net/http/server.go:3454 +0x485`;
}
