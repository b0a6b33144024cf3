"""phones in the browser"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'e3f7a61c20d9'
down_revision = '9c41e7d2b6a8'
branch_labels = None
depends_on = None

def upgrade() -> None:
    op.create_table('handling',
    sa.Column('leg_id', sa.Uuid(), nullable=False),
    sa.Column('muted', sa.Boolean(), nullable=False),
    sa.Column('waits', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['leg_id'], ['leg.id'], name=op.f('fk_handling_leg_id_leg'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('leg_id', name=op.f('pk_handling'))
    )
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.add_column(sa.Column('in_browser', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('account_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('gone_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_line_account_until'), ['account_until'], unique=False)
        batch_op.create_index(batch_op.f('ix_line_gone_at'), ['gone_at'], unique=False)

    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.alter_column('in_browser', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_line_gone_at'))
        batch_op.drop_index(batch_op.f('ix_line_account_until'))
        batch_op.drop_column('gone_at')
        batch_op.drop_column('account_until')
        batch_op.drop_column('in_browser')

    op.drop_table('handling')
