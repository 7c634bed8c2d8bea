export default function Index() {
  return <h1>no islands here</h1>;
}
