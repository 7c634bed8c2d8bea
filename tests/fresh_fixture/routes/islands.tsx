import Shouter, { Counter } from "../islands/Counter.tsx";
import { Frame } from "../islands/Frame.tsx";

export default function Islands() {
  return (
    <main>
      <Counter id="first" start={3} note={`</script><script>alert(1)</script><!-- \u2028 "quoted"`} />
      <p>between</p>
      <Counter id="second" start={40} nested={{ list: [1, null, "x"], flag: true }} />
      <Frame title="around" />
      <Shouter text="hey" />
    </main>
  );
}
