import { Component, type ReactElement, type ReactNode } from "react";
import { Button, Empty, PageFrame } from "./basics";

interface BoundaryProps {
  /** Where the reader is: another place is another try. */
  readonly place: string;
  readonly children: ReactNode;
}

/** What is shown where a page fails: the rest of the console stays, and so does the way out. */
export class Boundary extends Component<BoundaryProps, { failedAt: string | null }> {
  override state = { failedAt: null as string | null };

  static getDerivedStateFromError(): { failedAt: string } {
    return { failedAt: location.pathname };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (before.place !== this.props.place && this.state.failedAt !== null) this.setState({ failedAt: null });
  }

  override render(): ReactNode {
    return this.state.failedAt === null ? this.props.children : <Broken />;
  }
}

function Broken(): ReactElement {
  return (
    <PageFrame title="Something went wrong">
      <Empty title="This page cannot be shown">
        <p>That is a fault of the console. What is stored is as it was.</p>
        <Button onPress={() => location.reload()}>Load it again</Button>
      </Empty>
    </PageFrame>
  );
}
