import { Activity, useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { Provider, useQuery } from "urql";
import { Link, Redirect, Route, Router, Switch, useLocation } from "wouter";
import { openClient } from "./api/client";
import { codeOf } from "./api/errors";
import { ViewerDocument } from "./api/generated";
import { AuditPage } from "./audit/page";
import { BackfillPage } from "./backfill/page";
import { Button, Empty, Failure, Loading, PageFrame } from "./components/basics";
import { Boundary } from "./components/boundary";
import { Icon, type IconName } from "./components/icons";
import { useKept } from "./components/kept";
import { applyTheme, isDark } from "./components/theme";
import { mayLeave } from "./components/unsaved";
import { ConfigsPage } from "./configs/page";
import { EditPage } from "./edit/page";
import { IntegrationsPage } from "./integrations/list";
import { IntegrationPage } from "./integrations/page";
import { OrganizationsPage } from "./organizations/list";
import { MissingPage } from "./organizations/missing";
import { OrganizationPage } from "./organizations/page";
import { Mark, SignIn } from "./session/sign-in";
import { refresh } from "./session/people";
import { endSession, noteScope, readToken, signOut, useSession } from "./session/token";
import { scopeOf, useUnlimited, useViewer, ViewerContext, type Permission } from "./session/viewer";

export function App(): ReactElement {
  const { number, token, notice, scope } = useSession();
  return (
    <Router base="/console">
      {token === null && <SignIn notice={notice} />}
      {/* What somebody was working on when their token ended is there again when they are. */}
      <Activity mode={token === null ? "hidden" : "visible"}>{(token !== null || scope !== null) && <SignedIn key={number} />}</Activity>
    </Router>
  );
}

function SignedIn(): ReactElement {
  const client = useMemo(() => openClient(readToken, () => endSession("Your sign-in has ended. Sign in again to go on.")), []);
  return (
    <Provider value={client}>
      <WithViewer />
    </Provider>
  );
}

function WithViewer(): ReactElement {
  const [{ data, error }, again] = useQuery({ query: ViewerDocument });
  const viewer = useKept(data?.viewer ?? null, "viewer");
  useRenewal(viewer?.expiresAt ?? null, () => again({ requestPolicy: "network-only" }));
  useEffect(() => {
    if (viewer) noteScope(scopeOf(viewer));
  }, [viewer]);
  if (viewer) {
    return (
      <ViewerContext value={viewer}>
        <Shell />
      </ViewerContext>
    );
  }
  if (!error) return <Loading what="the console" />;
  return (
    <PageFrame title="Strongroom">
      {codeOf(error) === "FORBIDDEN" ? (
        <Empty title="You have no permissions here">
          <p>You are signed in, but nothing is open to you. Ask whoever manages tokens or roles.</p>
        </Empty>
      ) : (
        <Failure error={error} retry={() => again({ requestPolicy: "network-only" })} />
      )}
      <Button icon="leave" onPress={() => signOut()}>
        Sign out
      </Button>
    </PageFrame>
  );
}

const MARGIN = 60_000;

/** Renews a person's token a minute before it ends, where the provider allows it. */
function useRenewal(expiresAt: string | null, renewed: () => void): void {
  const { refreshToken } = useSession();
  useEffect(() => {
    if (expiresAt === null || refreshToken === null) return;
    const left = Math.max(1000, Date.parse(expiresAt) - Date.now() - MARGIN);
    const timer = setTimeout(() => void refresh(refreshToken).then((done) => done && renewed()), Math.min(left, 2 ** 31 - 1));
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `renewed` does the same whenever it is called
  }, [expiresAt, refreshToken]);
}

interface Place {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  readonly needs: Permission;
  /** Whether it concerns every organization: then limits close it. */
  readonly global?: boolean;
  readonly page: () => ReactElement;
}

const PLACES: readonly Place[] = [
  { path: "/", name: "Configuration", icon: "list", needs: "config:read", page: ConfigsPage },
  { path: "/organizations", name: "Organizations", icon: "building", needs: "config:read", page: OrganizationsPage },
  { path: "/missing", name: "Missing values", icon: "warning", needs: "config:read", page: MissingPage },
  { path: "/integrations", name: "Integrations", icon: "plug", needs: "config:read", page: IntegrationsPage },
  { path: "/backfill", name: "Backfill and keys", icon: "key", needs: "backfill:run", global: true, page: BackfillPage },
  { path: "/audit", name: "Audit", icon: "history", needs: "audit:read", page: AuditPage },
];

/** Pages that are reached from others. */
const BELOW: readonly Pick<Place, "path" | "needs" | "page">[] = [
  { path: "/organizations/:id", needs: "config:read", page: OrganizationPage },
  { path: "/integrations/:id", needs: "config:read", page: IntegrationPage },
  { path: "/edit/:integration", needs: "config:read", page: EditPage },
];

function Shell(): ReactElement {
  const viewer = useViewer();
  const unlimited = useUnlimited();
  const places = PLACES.filter(({ needs, global }) => viewer.permissions.includes(needs) && (unlimited || global !== true));
  const [location] = useLocation();
  const came = useRef(location);
  useEffect(() => {
    // Whoever followed a link goes on in the page that it led to, unless the page has put them somewhere itself.
    const main = document.getElementById("main");
    if (location === came.current) return;
    came.current = location;
    if (main && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  }, [location]);
  const below = BELOW.filter(({ needs }) => viewer.permissions.includes(needs));
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="side">
        <p className="brand">
          <Mark /> Strongroom
        </p>
        <nav aria-label="Main">
          {places.map((place) => (
            <Place key={place.path} place={place} />
          ))}
        </nav>
        <div className="side-foot">
          <p className="viewer" title={viewer.permissions.join(", ")}>
            <span className="muted">Signed in as</span>{" "}
            {viewer.name}
          </p>
          <ThemeButton />
          <Button icon="leave" look="bare" onPress={() => mayLeave() && signOut()}>
            Sign out
          </Button>
        </div>
      </header>
      <Boundary place={location}>
        <Switch>
          {[...places, ...below].map(({ path, page }) => (
            <Route key={path} path={path} component={page} />
          ))}
          <Route path="/">{places[0] ? <Redirect to={places[0].path} /> : <Nothing />}</Route>
          <Route>
            <NoPage />
          </Route>
        </Switch>
      </Boundary>
    </div>
  );
}

function Place({ place }: { place: Place }): ReactElement {
  const [location] = useLocation();
  const here = place.path === "/" ? location === "/" : location.startsWith(place.path);
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    // On a narrow screen the navigation scrolls sideways.
    const nav = link.current?.parentElement;
    if (!here || !link.current || !nav) return;
    const [shown, frame] = [link.current.getBoundingClientRect(), nav.getBoundingClientRect()];
    nav.scrollLeft += Math.max(0, shown.right - frame.right) - Math.max(0, frame.left - shown.left);
  }, [here]);
  return (
    <Link ref={link} href={place.path} aria-current={here ? "page" : undefined}>
      <Icon name={place.icon} />
      {place.name}
    </Link>
  );
}

function ThemeButton(): ReactElement {
  const [dark, setDark] = useState(isDark);
  return (
    <Button
      icon={dark ? "sun" : "moon"}
      look="bare"
      onPress={() => {
        applyTheme(dark ? "light" : "dark");
        setDark(!dark);
      }}
    >
      {dark ? "Light" : "Dark"}
    </Button>
  );
}

function Nothing(): ReactElement {
  return (
    <PageFrame title="Strongroom">
      <Empty title="Nothing here is open to this token">
        <p>Its permissions open no page of the console.</p>
      </Empty>
    </PageFrame>
  );
}

function NoPage(): ReactElement {
  return (
    <PageFrame title="Not found">
      <Empty title="There is no such page">
        <Link href="/">Go to the start</Link>
      </Empty>
    </PageFrame>
  );
}
