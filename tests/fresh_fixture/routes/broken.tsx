export default function Broken(): never {
  throw new Error("a secret of the component");
}
